"""A world whose frames carry their own number, for measuring."""
