"""Clients of a server: a browser, viewers without a screen, the control websocket, HTTP."""
