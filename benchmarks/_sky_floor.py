"""The noise floor of fine images of a real sky, and the best linear filter."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SIDE = 7  # of a linear filter, in coarse pixels


def neighbourhoods(low: np.ndarray, side: int = SIDE) -> np.ndarray:
    """(n, h, w, side * side + 1): each coarse pixel's neighbourhood, and a one."""
    edge = side // 2
    padded = np.pad(low[..., 0].astype(np.float64), ((0, 0), (edge, edge), (edge, edge)), "edge")
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    flat = windows.reshape(*low.shape[:3], side * side)
    return np.concatenate([flat, np.ones((*low.shape[:3], 1))], axis=-1)


def quarters(high: np.ndarray) -> np.ndarray:
    """(n, h, w, 4): the four fine pixels of each coarse one."""
    n, height, width = high.shape[:3]
    split = high.reshape(n, height // 2, 2, width // 2, 2).transpose(0, 1, 3, 2, 4)
    return split.reshape(n, height // 2, width // 2, 4).astype(np.float64)


def least_squares(windows: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """The linear filter from neighbourhoods (..., k) to fine pixels (..., 4)."""
    windows, fine = windows.reshape(-1, windows.shape[-1]), fine.reshape(-1, 4)
    matrix = windows.T @ windows
    ridge = 1e-9 * np.trace(matrix) / len(matrix) * np.eye(len(matrix))
    return np.linalg.solve(matrix + ridge, windows.T @ fine)


def linear_filter(low: np.ndarray, high: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Fine images (n, 2 h, 2 w, 1) of coarse ones, by the best filter of other pairs."""
    fine = neighbourhoods(new) @ least_squares(neighbourhoods(low), quarters(high))
    n, height, width = new.shape[:3]
    return (
        fine.reshape(n, height, width, 2, 2)
        .transpose(0, 1, 3, 2, 4)
        .reshape(n, 2 * height, 2 * width, 1)
    )


def sky_floor(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(n,) mean squared error that the noise of the sky alone forces on any answer.

    In patches of sky, the faintest quarter of the image outside its middle, there is nothing but
    noise: Gaussian, so that the best linear filter is the best answer, and what it leaves is the
    floor. Photon noise of the sources comes on top.

    Args:
        low, high: coarse and fine images of the same pairs (n, h, w, 1) and (n, 2 h, 2 w, 1).
    """
    windows, fine = neighbourhoods(low), quarters(high)
    smooth = windows[..., :-1].mean(-1)
    rows, columns = np.indices(smooth.shape[1:])
    middle = (np.array(smooth.shape[1:]) - 1) / 2
    outside = np.hypot(rows - middle[0], columns - middle[1]) > smooth.shape[1] / 2.8
    faint = smooth < np.quantile(smooth, 0.25, axis=(1, 2), keepdims=True)
    unit_windows, unit_fine, variances = [], [], []
    for window, pixels, sky in zip(windows, fine, faint & outside, strict=True):
        mean, spread = pixels[sky].mean(), pixels[sky].std()
        unit_windows.append(
            np.c_[(window[sky][:, :-1] - mean) / spread, np.ones(np.count_nonzero(sky))]
        )
        unit_fine.append((pixels[sky] - mean) / spread)
        variances.append(spread**2)
    linear = least_squares(np.concatenate(unit_windows), np.concatenate(unit_fine))
    left = np.concatenate(unit_windows) @ linear - np.concatenate(unit_fine)
    return np.mean(left**2) * np.array(variances)
