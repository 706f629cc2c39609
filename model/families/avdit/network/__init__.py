"""The transformer of the avdit family, its cache and its sampler."""
