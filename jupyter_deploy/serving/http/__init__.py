"""The lane and all that it speaks over HTTP, but the inference protocol."""
