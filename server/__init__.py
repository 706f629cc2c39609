"""HTTP, websocket, sessions, scheduling, settings and the command line."""
