"""The transformer, its cache and sampler, and the decoder of its latents."""
