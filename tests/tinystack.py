"""Cutouts of blank sky with a blob each, as stacks, folders and catalogues."""

import h5py
import numpy as np
from tinysky import NOISE

FIRST = 10**18


def cutouts(count=24, seed=0):
    """(count, 64, 64, 3) float32: noise as the lens finders learned, and a Gaussian blob."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64] - 31.5
    blob = np.exp(-(x**2 + y**2) / 18)[..., None]
    noise = rng.normal(0, NOISE, (count, 64, 64, 3))
    return (noise + rng.uniform(0.1, 2, (count, 1, 1, 3)) * blob).astype(np.float32)


def write_stack(path, images, **others):
    """Write images and arrays beside them as the name says: .npy, .npz, .h5 or .zarr."""
    if path.suffix == ".npy":
        np.save(path, images)
    elif path.suffix == ".npz":
        np.savez(path, images=images, **others)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("images", data=images, chunks=(5, *images.shape[1:]))
            for name, values in others.items():
                file[name] = values
    else:
        import zarr

        group = zarr.open_group(path, mode="w")
        group.create_array("images", data=images, chunks=(5, *images.shape[1:]))
        for name, values in others.items():
            group.create_array(name, data=values)
    return path


def write_folder(path, images):
    """Write images as files that are called like the ids."""
    path.mkdir(parents=True)
    for k, image in enumerate(images):
        np.save(path / f"{FIRST + k}.npy", image)
    return path


def write_catalogue(path, count, **columns):
    """Write a CSV with ids and positions one arcminute apart; columns replace these."""
    table = {
        "id": [str(FIRST + k) for k in range(count)],
        "ra": [repr(150 + k / 60) for k in range(count)],
        "dec": ["2.0"] * count,
    } | columns
    lines = [",".join(table), *(",".join(row) for row in zip(*table.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path
