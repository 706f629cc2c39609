"""Worker processes: models, states, batches and encoders."""
