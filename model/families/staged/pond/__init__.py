"""The pond as facts: geometry and dynamics."""
