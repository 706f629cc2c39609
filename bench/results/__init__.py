"""Results of benchmarks as files: what is in them, compared, and as a page."""
