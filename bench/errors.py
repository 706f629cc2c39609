"""The base of what a benchmark refuses or fails at."""

from __future__ import annotations


class BenchError(Exception):
    """Its message is one readable line."""
