"""The court as facts: geometry and dynamics."""
