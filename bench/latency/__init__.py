"""From a key press to what it changes, seen and heard."""
