"""Programs that play: a session driven through the client for as long as one likes."""
