"""Media clock, encoders, tracks, fan-out and recording. Knows no torch and no model."""
