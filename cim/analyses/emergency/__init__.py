"""Emergency questions."""
