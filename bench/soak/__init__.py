"""A server over a long time: what grows in it."""
