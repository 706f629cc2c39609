"""The corridors: a first-person world of rooms, doors and footsteps."""
