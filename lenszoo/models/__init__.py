"""The architectures, one file per family.

A factory is a function ``factory(input_shape, num_classes, *, ...) -> keras.Model``, without
``num_classes`` where there are none; the rows of :mod:`lenszoo.models.registry` name them. All
scaling that a model needs is inside its graph: it takes images in [0, 1], float32, shape
``(batch, height, width, bands)``.
"""
