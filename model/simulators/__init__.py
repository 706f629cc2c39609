"""Simulated worlds: teachers and judges. Serving never imports them."""
