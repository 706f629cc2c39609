"""The control protocol: messages, the websocket, what waits to be sent."""
