"""The HTTP interface: sessions, WHEP, snapshots, the page."""
