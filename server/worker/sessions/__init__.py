"""Sessions in a worker: what they are, what was, and what can be done with them."""
