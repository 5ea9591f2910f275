"""Words in, names out."""
