"""A learned state model, geometry by hand, and a one-step neural renderer."""
