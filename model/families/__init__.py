"""Architectures: each folder knows how to load, step and save one kind of model."""
