"""Simulators that teach and judge, and the unlearned probe."""
