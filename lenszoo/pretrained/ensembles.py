"""Several trained classifiers as one model."""

from collections.abc import Sequence

import keras

from lenszoo.data.flux_units import AGREE
from lenszoo.data.pixel_scale import same_scale
from lenszoo.errors import LenszooError
from lenszoo.models.build import as_graph, check_logits
from lenszoo.pretrained.members import NAME
from lenszoo.pretrained.source import WeightsSource


def ensemble(sources: Sequence[WeightsSource], models: Sequence[keras.Model]) -> keras.Model:
    """Join several classifiers into one plain ``keras.Model``.

    Its answer, float32 ``(batch, classes)``, is the mean of the members' logits, whose softmax is
    the geometric mean of their probabilities. An image that is not finite gets NaN from the
    members, and so from the ensemble. ``model.save("NAME.keras")`` writes it as one
    file, which ``load_model`` reads in any process.

    Args:
        sources: the members' weights.
        models: the members, loaded from them.

    Raises:
        LenszooError: there are none, a member answers probabilities, or the members differ in
            image size, bands, classes, pixel scale or zero point.
    """
    if not models:
        raise LenszooError("An ensemble needs a list of weights' names or paths, and got none.")
    members = [as_graph(model) for model in models]
    for source, member in zip(sources, members, strict=True):
        check_logits(member, source.label)
        if isinstance(member.input, dict):
            raise LenszooError(
                f"{source.label} looks at images and a table, and ensembles are made of models "
                "that look at images; average the logits of such lens finders one by one."
            )
        _check_equal("images", source, sources[0], member.input_shape, members[0].input_shape)
        _check_equal("answers", source, sources[0], member.output_shape, members[0].output_shape)
    for first in sources:
        for source in sources[1:]:
            if source.classes and first.classes and not source.has_classes(first.classes):
                _check_equal("classes", source, first, source.classes, first.classes)
            if source.bands and first.bands:
                _check_equal("bands", source, first, source.bands, first.bands)
            _check_scales(source, first)
    images = keras.Input(members[0].input_shape[1:], name="images")
    # two runs of one architecture share a name, which a graph allows only once
    answers = [
        keras.Model(member.input, member.output, name=f"member{i + 1}")(images)
        for i, member in enumerate(members)
    ]
    mean = keras.layers.Average(name="mean", dtype="float32")
    return keras.Model(images, mean(answers), name=NAME)


def _check_equal(
    noun: str, source: WeightsSource, first: WeightsSource, value: tuple, reference: tuple
) -> None:
    if value == reference:
        return
    texts = [
        ", ".join(part) if isinstance(part[0], str) else str(part[1:])
        for part in (value, reference)
    ]
    raise LenszooError(
        f"An ensemble needs members that agree: the {noun} of {source.label} are {texts[0]}, "
        f"those of {first.label} {texts[1]}."
    )


def _check_scales(source: WeightsSource, first: WeightsSource) -> None:
    """Raise LenszooError where two members learned at other pixel scales or zero points."""
    scales = [one.pixel_scale for one in (source, first)]
    points = [None if one.inputs is None else one.inputs.zero_point for one in (source, first)]
    for noun, (own, other), agree in (
        ("pixels [arcsec]", scales, same_scale),
        ("zero points", points, lambda own, other: abs(own - other) <= AGREE),
    ):
        if own is not None and other is not None and not agree(own, other):
            raise LenszooError(
                f"An ensemble needs members that agree: the {noun} of {source.label} are "
                f"{own:.4g}, those of {first.label} {other:.4g}; predict with each on images as it "
                "learned on, and average the logits."
            )
