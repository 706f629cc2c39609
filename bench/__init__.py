"""Benchmarks: what a client of Lightcone sees and hears, when, and at what cost."""
