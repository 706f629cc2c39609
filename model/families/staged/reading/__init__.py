"""What a picture shows, as facts: for images that a session starts from, and for the judge."""
