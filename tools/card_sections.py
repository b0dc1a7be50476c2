"""The sections of a model card: input, scores, data, training, limits, licence and citing."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from markdown_text import bullets, code, markdown_table
from real_skies import on_real_skies
from scores import kind, score_table
from skies import sky_of

import lenszoo
from lenszoo.errors import counted
from lenszoo.models.registry import model_info
from lenszoo.pretrained.manifest import WeightsEntry

CITATION = (
    "The lenszoo developers, *lenszoo: the Keras 3 model zoo for strong gravitational lensing*"
)
"""How the software is cited, as CITATION.cff has it."""

# what a network learnt without labels from, or how it was adapted, with the paper
_METHODS = {
    "rotation": "learned to tell by which quarter turn an image was turned (Gidaris et al. 2018, "
    "arXiv:1803.07728)",
    "denoising": "learned to tell how strong the noise is that was added to an image",
    "contrastive": "learned to give two views of an image the same vector, and other images other "
    "vectors (Hadsell et al. 2006, doi:10.1109/CVPR.2006.100; Chen et al. 2020, arXiv:2002.05709)",
    "simsiam": "learned to predict one view of an image from another (Chen & He 2021, "
    "arXiv:2011.10566)",
    "fine_tune": "trained on, on the few labels of the new sky",
    "joint": "trained on, on the labels of the old sky and the few of the new one",
    "dann": "trained on, with features that do not tell the two skies apart (Ganin et al. 2016, "
    "arXiv:1505.07818)",
    "adamatch": "trained on with aligned pseudo-labels (Berthelot et al. 2022, arXiv:2106.04732)",
    "mean_teacher": "trained on with a mean teacher (French et al. 2018, arXiv:1706.05208)",
    "batch_norm": "given BatchNorm's statistics of the new sky (Li et al. 2017, arXiv:1603.04779)",
}

_DISTILLED = "Hinton et al. 2015, arXiv:1503.02531"
_GROWN = "Chen et al. 2016, arXiv:1511.05641; Goyal et al. 2017, arXiv:1706.02677"


def sections(entry: WeightsEntry) -> Iterable[tuple[str, str]]:
    """Yield the title and the text of each section; an empty text is left out."""
    yield "Input", bullets(_input(entry))
    yield "Scores", _scores(entry)
    yield "Data", _data(entry)
    yield "Training", _training(entry)
    yield "Limits", bullets(_limits(entry))
    yield "Licence and citing", _citing(entry)


_ANY_UNIT = (
    "Values: linear in flux, the candidate in the middle, not scaled image by image. Any unit and "
    "any constant sky will do (trained at AB zero point 25): the model itself measures sky level "
    "and noise of each band along the edges of each image, and stretches the band (asinh) in these "
    "units. An image without noise at its edges has no answer."
)


def _input(entry: WeightsEntry) -> Iterable[str]:
    which, options = kind(entry), entry.options
    height, width, bands = entry.input_shape
    names = entry.data.get("bands")
    listed = f" ({', '.join(names)}, in this order)" if names else ""
    plural = "s" if bands > 1 else ""
    if options.get("use") != "table":
        size = f"{height} x {width} pixels" if height and width else "of any size, pixels"
        scale = f" of {entry.pixel_scale:g} arcsec" if entry.pixel_scale else ""
        yield f"Images: float32, channels last, {size}{scale}, {bands} band{plural}{listed}."
    preset, any_unit = entry.data.get("preset"), options.get("stretch") == "noise"
    if preset and options.get("use") != "table":
        yield _ANY_UNIT if any_unit else f"Values as in training: {sky_of(preset).scaling}."
    if which == "find_lenses":
        if options.get("use") != "table" and not any_unit:
            yield (
                f"The model itself stretches each band ({options['stretch']}), in units of the "
                "noise of its training images: flux in another unit is another brightness to it. "
                "`predict` compares noise and sky level with those of the training; "
                "`zero_point=22.5` brings nanomaggies to its unit, `sky='border'` subtracts a sky."
            )
        if options.get("columns"):
            columns = ", ".join(f"`{name}`" for name in options["columns"])
            yield (
                f"Table: {columns}, as `lenszoo.data.measure` takes them from the pixels; NaN "
                "where a value is missing. Scaling of columns is inside the model."
            )
    elif which == "super_resolve":
        yield (
            "`lenszoo upscale` scales each image so and brings the answer back to its units; "
            "do so yourself where you call the model."
        )
        if entry.pixel_scale:
            fine = entry.pixel_scale / options.get("scale", 2)
            yield f"Pixels of the answer are {fine:g} arcsec where those of the image were."
    else:
        yield (
            "Scaling that the network needs beyond that is inside it. `.npy` and FITS values go in "
            "as they are, so scale your own as above first; PNG and JPEG are read by their bit "
            "depth."
        )
        if crop := options.get("crop"):
            yield f"It looks at the central {crop} x {crop} pixels alone: the lens belongs there."
    yield "A NaN or infinite pixel makes the answer NaN: it never turns into a confident one."


def _scores(entry: WeightsEntry) -> str:
    table = score_table(entry)
    if not table.rows:
        return "Nothing has been measured."
    shown = markdown_table(("", *table.columns), table.rows)
    text = f"{shown}\n\nIn brackets: 95 % intervals, over other scenes of the same sky.\n"
    if kind(entry) == "pretext":
        text = f"{shown}\n"
    text += "\n" + "\n".join(table.notes)
    short = entry.metrics.get("int8")
    how = "as float16" if short is None else "in eight bits for each output channel"
    text += f"\nKernels are stored {how}, which these scores include"
    cost = short or entry.metrics.get("float16")
    if cost is None:
        text += "."
    else:
        key, change = next(iter(cost.items()))
        text += f"; it changed {key} by {change:+.1e}."
    known = entry.metrics.get("measured")
    if known:
        tested = entry.metrics["test"].get("n", known["images"])
        part = f", {tested:,} of them scored" if tested != known["images"] else ""
        text += (
            f"\n\nMeasured on {known['images']:,} scenes of the test split, seed {known['seed']}, "
            f"never trained on{part}; {known['date']}, on {machine(entry)}, by "
            f"`{known['command']}`. Score these weights yourself, on the same scenes:"
            f"\n\n{code(scoring(entry))}"
        )
    return text


def scoring(entry: WeightsEntry) -> str:
    """The command that scores weights on the scenes of their own figures."""
    known = entry.metrics["measured"]
    scenes = f"--preset {entry.data['preset']} --images {known['images']} --seed {known['seed']}"
    return f"lenszoo evaluate {entry.name} \\\n    {scenes} --out REPORT"


def machine(entry: WeightsEntry) -> str:
    """The machine that measured and its versions, without the date that older entries repeat."""
    known = entry.metrics.get("measured", {})
    return known.get("machine", "").removeprefix(f"{known.get('date')}, ")


def _data(entry: WeightsEntry) -> str:
    preset = entry.data.get("preset")
    if preset is None:
        return ""
    sky = sky_of(preset)
    return (
        f"Simulated: `{preset}`. {sky.what}\n\n{bullets(sky.caveats)}\n\n"
        f"`lenszoo simulate {preset} FOLDER` draws it.{_real(entry)}"
    )


def _real(entry: WeightsEntry) -> str:
    """What was real among the training data, as a paragraph."""
    real = entry.data.get("real")
    if real is None:
        return ""
    parts = []
    if "hosts" in real:
        sources = "" if real.get("stamps") is None else ", HST images of real galaxies as sources"
        parts.append(
            f"{real['lensed']:.0%} of the lenses are painted on {real['hosts']} real galaxies of "
            f"the survey (`{real['catalogue']}`{sources}), and {real['share']:.0%} of the "
            "non-lenses are copies of these galaxies as they are"
        )
    elif "others" in real:
        parts.append(
            f"{real['share']:.0%} of the non-lenses are copies of {real['others']} real galaxies "
            f"that are known to be no lenses (`{real['catalogue']}`)"
        )
    if real.get("frames"):
        parts.append(
            f"{real['painted']:.0%} of the scenes are painted into a real field "
            f"(`{real['frames']}`)"
        )
    if real.get("white"):
        parts.append(
            f"{real['pictures']:.0%} of the scenes went through an 8-bit colour picture and back, "
            "as the real galaxies did"
        )
    return f"\n\nReal data beside it: {'; '.join(parts)}. No real lens was learned from."


def _training(entry: WeightsEntry) -> str:
    data = entry.data
    fields = recipe_fields(entry)
    own = f"`{entry.recipe}`, which is no part of lenszoo"
    lines = [f"Recipe: {f'`lenszoo/recipes/{entry.recipe}`' if fields else own}."]
    start, method = data.get("weights") or fields.get("weights"), data.get("method")
    if start:
        named = "." in start or start.startswith("imagenet")
        lines.append(f"Started from `{start if named else f'{entry.model}.{start}'}`.")
    if "grow" in fields:
        lines.append(
            f"Began as the smaller network `{fields['grow']}`, with its answers ({_GROWN})."
        )
    teacher = fields.get("distill", {}).get("teacher")
    if teacher:
        names = ", ".join(
            f"`{name}`" for name in ([teacher] if isinstance(teacher, str) else teacher)
        )
        lines.append(f"Learned from the answers of {names} beside the labels ({_DISTILLED}).")
    if "loss" in fields:
        loss = fields["loss"]
        parts = {loss: 1} if isinstance(loss, str) else loss
        lines.append(
            "Loss: " + " + ".join(f"{share:g} {name}" for name, share in parts.items()) + "."
        )
    if method:
        adapted = kind(entry) != "pretext"
        lines.append(
            f"Method `{method}`: it {'was ' if adapted else ''}{_METHODS[method]}."
            + ("" if adapted else " No label was looked at.")
        )
    if isinstance(data.get("labels"), dict):
        given = ", ".join(f"{count:,} of `{name}`" for name, count in data["labels"].items())
        lines.append(f"Labels of this sky: {given}; more chose the best epoch and calibrate.")
    if "images_seen" in data:
        both = " of both skies, some of them often," if isinstance(data.get("labels"), dict) else ""
        lines.append(
            f"{data['images_seen']:,} images{both} seen in {counted(data['epochs'], 'epoch')}, "
            f"seed {data['seed']}."
        )
    if data.get("trained_on"):
        took = counted(data["hours"], "hour") if "hours" in data else "time not recorded"
        lines.append(f"{data['trained_on']}; {took}.")
    if files := _real_files(entry):
        listed = ", ".join(f"`{file}`" for file in files)
        lines.append(
            f"Needs files that are not part of lenszoo ({listed}): the head of the recipe says "
            "which."
        )
    shell = f"# with the recipe's file, train again\nlenszoo train {entry.recipe} --out RUN"
    if fields:
        shell = (
            f"# train it again\nlenszoo train {entry.recipe.removesuffix('.toml')} --out RUN\n"
            f"# and score it beside these weights\nmake reproduce NAME={entry.name}"
        )
    return f"{bullets(lines)}\n\n{code(shell)}"


def _real_files(entry: WeightsEntry) -> list[str]:
    """Real data that a training read, as its recipe names them."""
    real = entry.data.get("real") or {}
    return [real[key] for key in ("catalogue", "folder", "stamps", "frames") if real.get(key)]


def recipe_fields(entry: WeightsEntry) -> dict[str, Any]:
    """What the packaged recipe says, as it stands there; empty where it is elsewhere."""
    path = Path(lenszoo.__file__).parent / "recipes" / entry.recipe
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _limits(entry: WeightsEntry) -> Iterable[str]:
    which, metrics = kind(entry), entry.metrics
    yield (
        "All of this is measured on the sky that it learned from. Other noise, PSF, pixel scale or "
        "sources are other data: score it on yours, or fine-tune, before you believe it."
    )
    if which == "classify":
        yield (
            "Noise, PSF, centring, angle and pixel scale near those of training matter most: "
            "docs/results/robustness.md shows how soon a classifier of this kind fails without."
        )
        yield "It knows its classes alone: all it is shown, a lens or not, becomes one of them."
        if "real" in metrics:
            yield (
                f"On real images there are {metrics['real']['n']} to go by, in steps of 8 bits: a "
                "first look at transfer, with large errors."
            )
        else:
            yield "No score on real images is on record."
        if "shortcut" in metrics:
            yield "Where the shortcut baseline is high, the score says little of substructure."
    elif which == "find_lenses":
        yield on_real_skies(metrics)
        yield (
            "Probabilities are calibrated for a sky half of which is lenses. Where one in a "
            "thousand is, rank by them and do not read them as probabilities."
        )
        if "nonlenses" in metrics.get("test", {}):
            yield (
                f"{metrics['test']['nonlenses']:,} non-lenses were looked at; rarer false alarms "
                "have not been seen, and a survey has millions of objects."
            )
    elif which == "super_resolve":
        yield (
            "On real HST cutouts binned by two, whose noise and pixels are not those of this sky, "
            "srcnn and srresnet_1 did worse than bicubic interpolation (docs/limits.md): "
            "train on your own camera's images."
        )
        yield (
            "Detail that it adds is likely, not seen: measure fluxes and positions on the image "
            "itself."
        )
    else:
        yield (
            "Its own outputs answer the training task, nothing about lenses: give it a "
            f"head (`lenszoo train {entry.model} --data LABELLED --weights {entry.name}`)."
        )


def _citing(entry: WeightsEntry) -> str:
    lines = [
        f"{CITATION}, version {entry.lenszoo_version}, and weights `{entry.name}` (sha256 "
        f"`{entry.sha256[:8]}`).",
        f"The architecture: {model_info(entry.model).paper}.",
    ]
    backbone = entry.options.get("backbone")
    if isinstance(backbone, str) and backbone != "conv":
        lines.append(f"Its image branch, `{backbone}`: {model_info(backbone).paper}.")
    if "preset" in entry.data:
        lines.append(f"The data: {sky_of(entry.data['preset']).papers}.")
    paper = _METHODS.get(entry.data.get("method", ""), "").partition("(")[2]
    if paper:
        lines.append(f"The method: {paper.rstrip(')')}.")
    if "distill" in recipe_fields(entry):
        lines.append(f"Learning from a teacher: {_DISTILLED}.")
    if "grow" in recipe_fields(entry):
        lines.append(f"Beginning as a smaller network: {_GROWN}.")
    return f"{entry.licence}. Please cite\n\n" + bullets(lines)
