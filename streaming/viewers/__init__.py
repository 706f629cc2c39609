"""The half that lives in the server: encoded packets in, viewers over WebRTC out."""
