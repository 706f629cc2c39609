"""The half that lives with the model, in the worker: frames and sound in, encoded packets out."""
