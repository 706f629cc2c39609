"""Worlds as pure steps. Knows no network, no wall clock and no server."""
