"""What the lines of viewers carry, and who gets which encode for it."""
