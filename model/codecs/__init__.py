"""Picture and sound as latents, and back."""
