"""The corridors: laws, drivers, drawing and sound."""
