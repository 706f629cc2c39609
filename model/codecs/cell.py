"""The cell of the picture codec, without torch."""

CELL = 4  # pixels of a latent cell, along each side
