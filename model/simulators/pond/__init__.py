"""The pond: laws, drivers, drawing and sound."""
