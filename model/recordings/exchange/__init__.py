"""Recordings from and for other projects."""
