"""Simulate lenses and classify their dark-matter substructure."""

# %% [markdown]
# # Which lenses hold dark-matter substructure?
#
# Subhalos and vortices of dark matter perturb the lensed image of a galaxy. We simulate images with
# known truth, classify them with a pretrained network, and measure how massive the substructure
# must be to be detected. A minute on a laptop, no GPU needed.

# %%
import matplotlib.pyplot as plt
import numpy as np

from lenszoo import load_model, predict
from lenszoo.evaluation import classification_report
from lenszoo.simulation import SPLIT_START, sample

# %% [markdown]
# ## Simulate
#
# The sky `common_test_sim` is a twin of the DeepLense common-test set: 150 x 150 pixels of 0.05",
# Poisson noise, and three classes, `no` substructure, CDM subhalos (`sphere`) and a vortex
# (`vort`). Every image comes with all that was drawn to make it.

# %%
sky = sample("common_test_sim", 450, seed=20, start=SPLIT_START["test"])
counts = dict(zip(sky.class_names, np.bincount(sky.labels).tolist(), strict=True))
print(sky.images.shape, sky.images.dtype, counts)
print("known of each image:", ", ".join(sky.truth))

# %% [markdown]
# ## Load a network by name and let it answer
#
# The weights are checked against their hash, and the network against an answer on record. It has
# never seen these images: they have another seed and another range of scenes than its own.

# %%
model = load_model("resnet18_slim.common_test_sim_v2")
answers = predict(model, sky.images)
logits = np.stack([answers[f"logit_{name}"] for name in sky.class_names], axis=1)

# %% [markdown]
# ## How good is it?
#
# The metrics are exact, with 95 % intervals. The shortcut baseline sees global statistics of
# each image only, such as brightness and shape: what it reaches needs no look at the structure.

# %%
report = classification_report(sky.labels, logits, sky.class_names, images=sky.images)
print(report)

# %% [markdown]
# ## How massive must substructure be?
#
# The share of images that are recognised, against the share of the lens's mass that sits in
# substructure. The bars are one binomial standard error.

# %%
predicted = logits.argmax(axis=1)
colours = {"no": "0.5", "sphere": "tab:blue", "vort": "tab:orange"}
percent = 100 * sky.truth["substructure_mass_fraction"]

figure = plt.figure(figsize=(11, 4.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])

shown = np.argsort(sky.labels, kind="stable")[::38]  # four of each class
for axis, row in zip(left.subplots(3, 4).flat, shown, strict=True):
    truth, answer = sky.class_names[sky.labels[row]], sky.class_names[predicted[row]]
    axis.imshow(np.arcsinh(8 * sky.images[row, :, :, 0]), cmap="inferno", origin="lower")
    axis.set_title(
        f"{truth}: {answer} {answers[f'prob_{answer}'][row].as_py():.2f}",
        fontsize=8,
        color="black" if truth == answer else "crimson",
    )
    axis.axis("off")
left.suptitle("truth: answer and its probability", fontsize=10)

axis = right.subplots()
for label, name in list(enumerate(sky.class_names))[1:]:
    mine = sky.labels == label
    edges = np.quantile(percent[mine], np.linspace(0, 1, 6))
    place = np.digitize(percent[mine], edges[1:-1])
    completeness = np.array([(predicted[mine] == label)[place == k].mean() for k in range(5)])
    count = np.bincount(place, minlength=5)
    middle = [np.median(percent[mine][place == k]) for k in range(5)]
    error = np.sqrt(completeness * (1 - completeness) / count)
    axis.errorbar(
        middle, completeness, error, marker="o", capsize=3, color=colours[name], label=name
    )
axis.set(
    xlabel="mass in substructure (% of the lens)", ylabel="fraction recognised", ylim=(0, 1.05)
)
axis.axhline(1 / 3, color="0.7", linestyle=":", label="by chance")
axis.legend(frameon=False, loc="lower right")
axis.spines[["top", "right"]].set_visible(False)
right.suptitle("completeness", fontsize=10)

figure.savefig("classify_substructure.png", dpi=150)
plt.show()
