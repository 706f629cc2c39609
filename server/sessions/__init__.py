"""Live sessions: lifecycle, snapshots, logs, recordings."""
