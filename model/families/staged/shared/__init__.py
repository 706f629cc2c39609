"""What the staged worlds share among themselves and with their simulators."""
