"""Does what is steered move as far as the truth moves it? Found in pictures, over stretches in
which what is held says how far that is."""
