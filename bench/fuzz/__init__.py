"""`bench fuzz`: what comes from outside, damaged on purpose."""
