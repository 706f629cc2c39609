"""Simulators judge models: `lightcone evaluate`."""
