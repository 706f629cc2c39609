"""What a server carries, how it starts viewers and forks, and how it recovers."""
