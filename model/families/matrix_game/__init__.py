"""matrix_game: Matrix-Game 2, worlds that begin with a picture and are steered by hand."""
