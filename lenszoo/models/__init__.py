"""Architectures, one file a family.

A factory is a function ``factory(input_shape, num_classes, *, ...) -> keras.Model``, without
``num_classes`` where there are none; the rows of :mod:`lenszoo.models.registry` name them. A family
of classifiers is a backbone from images to feature maps, which
:func:`lenszoo.models.heads.classifier_factory` gives the head. All scaling is inside the graph: a
model takes images in [0, 1], float32, shape ``(batch, height, width, bands)``.
"""
