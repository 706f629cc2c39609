"""Files that anybody can play."""
