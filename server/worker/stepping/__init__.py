"""Steps: when, on which thread, and what comes of them."""
