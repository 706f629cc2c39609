"""avdit: one transformer that makes the next picture and sound from recordings of play alone."""
