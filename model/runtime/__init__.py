"""Shared by families: attention, number formats, threads, snapshots."""
