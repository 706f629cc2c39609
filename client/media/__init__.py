"""Picture and sound as they arrive: RTP packets, whole pictures, decoded samples."""
