"""Classification of lens images."""
