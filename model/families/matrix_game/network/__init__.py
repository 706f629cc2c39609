"""The transformer of the wan family with action blocks, their caches, and the picture's encoders."""
