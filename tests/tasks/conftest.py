from tinyfixtures import fields, finder, images, opened, own_manifest, stack, survey, zoo

__all__ = ["fields", "finder", "images", "opened", "own_manifest", "stack", "survey", "zoo"]
