"""The court: a side-view basketball world."""
