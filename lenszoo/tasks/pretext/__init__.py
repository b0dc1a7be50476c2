"""Self-supervised pretext tasks: a backbone learns from images without labels."""
