"""When the next chunk starts, with which inputs, in which batch."""
