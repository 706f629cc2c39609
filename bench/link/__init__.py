"""A network with delay, jitter, loss and a rate, between two network namespaces."""
