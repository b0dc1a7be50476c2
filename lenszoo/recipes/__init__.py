"""Recipes: what produced every weight in the manifest, one TOML file each."""
