"""Bodies and arrays of a request, checked by the signature, to what an engine takes."""
