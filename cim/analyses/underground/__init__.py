"""Questions about what lies below ground."""
