"""Lens finding: is there a lens in the middle of a cutout?"""
