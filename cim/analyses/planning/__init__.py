"""Planning questions."""
