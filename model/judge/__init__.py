"""The judge of learned worlds: the simulators, which they learned from, and readers of pictures
and sound that never see the model."""
