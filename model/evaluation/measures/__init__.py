"""One measure a file: pictures, sound, control, memory, physics, prompts."""
