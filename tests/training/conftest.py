from tinyfixtures import fields, images

__all__ = ["fields", "images"]
