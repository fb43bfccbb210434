"""What of the user's goes along: the model, functions, modules; and what can't."""
