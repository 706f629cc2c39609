"""Training of the avdit family from recordings of play."""
