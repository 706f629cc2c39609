"""The transformer of the wan family with action blocks, and their caches."""
