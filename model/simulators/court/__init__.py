"""The court: laws, drivers, drawing and sound."""
