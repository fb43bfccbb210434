"""What is wrong with a model or a sample, in words that say what to do about it."""
