"""SRGAN as one Keras model: a generator and a discriminator."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="lenszoo")
class SRGAN(keras.Model):
    """Generator with the discriminator of its training (arXiv:1609.04802).

    ``model(images)`` is ``model.generator(images)``: float32 ``(batch, height, width, bands)`` to
    ``(batch, scale * height, scale * width, bands)``. The graph is that of the generator, layer by
    layer; ``model.discriminator`` maps images of the fine resolution to float32 logits
    ``(batch, 1)``, high for real images. Weights and files hold both.

    Args:
        generator: a functional model from coarse to fine images.
        discriminator: a model from fine images to one logit.
        name: the model's name.

    Example:
        >>> from lenszoo import build_model
        >>> model = build_model("srgan", input_shape=(None, None, 1), width=8)
        >>> type(model).__name__
        'SRGAN'
    """

    def __init__(
        self, generator: keras.Model, discriminator: keras.Model, name: str = "srgan"
    ) -> None:
        super().__init__(generator.input, generator.output, name=name)
        self.generator = generator
        self.discriminator = discriminator

    def bare(self) -> "SRGAN":
        """Return the same two networks in a new model, uncompiled; the layers are shared."""
        return SRGAN(self.generator, self.discriminator, name=self.name)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration of both networks."""
        return {
            "name": self.name,
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "SRGAN":
        """Rebuild both networks."""
        nets = {
            part: keras.saving.deserialize_keras_object(config[part], custom_objects)
            for part in ("generator", "discriminator")
        }
        return cls(**nets, name=config["name"])
