"""The corridors as facts: geometry and dynamics."""
