"""Latency of anybody's page, from outside: what it shows and sounds after a press."""
