"""wan: causal text-to-video transformers of the Wan 2.1 shape, with published or random weights."""
