"""Published checkpoints: what their keys are called, what they hold, how they become modules."""
