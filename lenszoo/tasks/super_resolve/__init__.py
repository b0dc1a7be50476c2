"""Super-resolution of lens images."""
