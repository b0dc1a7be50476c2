import keras
import numpy as np

from lenszoo.models.simple_cnn import simple_cnn


def test_the_scale_of_the_images_does_not_matter_in_training():
    keras.utils.set_random_seed(2)
    model = simple_cnn((32, 32, 1), 3, width=4)
    images = np.random.default_rng(0).random((8, 32, 32, 1), dtype=np.float32)
    logits = [
        keras.ops.convert_to_numpy(model(factor * images, training=True)) for factor in (1, 100)
    ]
    np.testing.assert_allclose(logits[0], logits[1], atol=0.02 * np.ptp(logits[0]))
