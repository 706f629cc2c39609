"""The neural renderer: text encoder, stages of the worlds, transformer, cache and sampler."""
