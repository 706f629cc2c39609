"""Going on after a worker is lost."""
