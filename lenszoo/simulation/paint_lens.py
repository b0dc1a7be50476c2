"""Mass of a painted lens: its deflection, and the images of a point behind it."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

# parts into which the circle, and then twice a part that may hold an image, is divided
_DIVISIONS = tuple(np.arange(n + 1) / n for n in (720, 128, 128))
_ROUNDING = 1e-13  # of the Einstein radius: of the equation for directions
_NEAR = 3.0  # distance of the point from a grid's image from which on none is sought [cells]
_CELLS = 96  # a side of the grid on which images are sought
_TURNS = 2 * np.pi * np.arange(8) / 8
# images near a singular centre are sought from these places [its Einstein radii]: cells are too
# wide there
_AROUND = np.concatenate(
    [r * np.stack([np.cos(_TURNS), np.sin(_TURNS)], 1) for r in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)]
)


@dataclass(frozen=True)
class Lens:
    """A singular isothermal ellipsoid with external shear, by the names of the truth table.

    ``companions`` are isothermal spheres, (k, 3): x and y from the ellipsoid, Einstein radius
    [arcsec].
    """

    einstein_radius: float
    e1: float
    e2: float
    gamma1: float
    gamma2: float
    companions: tuple[tuple[float, float, float], ...] = ()

    def deflection(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Deflection at positions from the lens [arcsec], float64; see :mod:`.trace`."""
        e = math.hypot(self.e1, self.e2)
        q = (1 - e) / (1 + e)
        f = math.sqrt(max(1 - q * q, 1e-6))
        angle = 0.5 * math.atan2(self.e2, self.e1)
        c, s = math.cos(angle), math.sin(angle)
        u, v = c * x + s * y, c * y - s * x
        psi = np.sqrt(np.maximum(q * q * u * u + v * v, 1e-12))
        scale = self.einstein_radius * math.sqrt(q) / f
        au = scale * np.arctan(f * u / psi)
        av = scale * np.arctanh(np.clip(f * v / psi, -1 + 1e-12, 1 - 1e-12))
        ax = c * au - s * av + self.gamma1 * x + self.gamma2 * y
        ay = s * au + c * av + self.gamma2 * x - self.gamma1 * y
        for cx, cy, radius in self.companions:
            pull = radius / np.maximum(np.hypot(x - cx, y - cy), 1e-6)
            ax, ay = ax + pull * (x - cx), ay + pull * (y - cy)
        return ax, ay


def image_positions(lens: Lens, bx: float, by: float) -> np.ndarray:
    """Solve the lens equation for a point: images (k, 2), from the lens [arcsec].

    The image at the singular centre, which has no light, is left out, and so are those of
    companions.

    >>> image_positions(Lens(1.5, 0.0, 0.0, 0.0, 0.0), 0.0, 0.3)[:, 1].round(5).tolist()
    [-1.2, 1.8]
    """
    solve = _from_triangles if lens.companions else _along_rays
    return solve(lens, bx, by)


def _along_rays(lens: Lens, bx: float, by: float) -> np.ndarray:
    """Images without companions: one equation for the direction of each.

    The deflection by an isothermal ellipsoid depends on the direction e alone, so that of an image
    at r e is ``a(e) + r G e``, with the shear G, and the lens equation ``r (1 - G) e = b + a(e)``:
    its two sides are parallel where there is an image.
    """

    def sides(angle: np.ndarray) -> tuple[np.ndarray, ...]:
        x, y = np.cos(angle), np.sin(angle)
        gx, gy = lens.gamma1 * x + lens.gamma2 * y, lens.gamma2 * x - lens.gamma1 * y
        ax, ay = lens.deflection(x, y)
        return x - gx, y - gy, bx + ax - gx, by + ay - gy

    rounding = -_ROUNDING * lens.einstein_radius  # all directions of a ring are alike
    low, high = np.array([-math.pi]), np.array([math.pi])
    last = len(_DIVISIONS) - 1
    for stage, parts in enumerate(_DIVISIONS):
        angle = low[:, None] + (high - low)[:, None] * parts
        mx, my, wx, wy = sides(angle)
        across = mx * wy - my * wx
        below, above = across[:, :-1], across[:, 1:]
        chosen = (below < rounding) != (above < rounding)
        if stage < last:
            chosen |= _two_roots(across, -rounding)
        low, high, below, above = (
            values[chosen] for values in (angle[:, :-1], angle[:, 1:], below, above)
        )
    angle = low + (high - low) * below / (below - above)
    mx, my, wx, wy = sides(angle)
    radius = (mx * wx + my * wy) / (mx * mx + my * my)
    places = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    places = places[radius > 1e-3 * lens.einstein_radius]
    return places[np.lexsort(places.T)]


def _two_roots(values: np.ndarray, rounding: float) -> np.ndarray:
    """Whether two roots may lie between neighbouring values, (k, n) to (k, n - 1).

    Between them a function leaves their chord by an eighth of its second difference, here taken
    four times.
    """
    bend = np.abs(np.diff(values, 2, axis=1))
    bend = np.pad(bend, ((0, 0), (1, 1)), mode="edge")
    bend = np.maximum(bend[:, :-1], bend[:, 1:])
    size = np.abs(values)
    return (np.minimum(size[:, :-1], size[:, 1:]) < 0.5 * bend) & (bend > rounding)


def _from_triangles(lens: Lens, bx: float, by: float) -> np.ndarray:
    """Images for any mass: Newton's method from triangles that map around the point.

    It also starts where the image of the grid comes nearest to the point, for two images within
    one cell, around the singular centres, and around the images found.
    """
    half = _farthest(lens, math.hypot(bx, by))
    axis = np.linspace(-half, half, _CELLS + 1) + 1e-4 * half
    x, y = np.meshgrid(axis, axis)
    ax, ay = lens.deflection(x, y)
    u, v = x - ax - bx, y - ay - by
    starts = []
    for corners in (((0, 0), (0, 1), (1, 0)), ((1, 1), (1, 0), (0, 1))):
        points = [
            (u[i : i + _CELLS, j : j + _CELLS], v[i : i + _CELLS, j : j + _CELLS])
            for i, j in corners
        ]
        sides = [
            a[0] * b[1] - a[1] * b[0] for a, b in zip(points, points[1:] + points[:1], strict=True)
        ]
        inside = ((sides[0] > 0) & (sides[1] > 0) & (sides[2] > 0)) | (
            (sides[0] < 0) & (sides[1] < 0) & (sides[2] < 0)
        )
        rows, columns = np.nonzero(inside)
        middle = np.mean(corners, axis=0) * (axis[1] - axis[0])
        starts.append(np.stack([axis[columns] + middle[1], axis[rows] + middle[0]], axis=1))
    miss = np.hypot(u, v)
    nearest = (miss == ndimage.minimum_filter(miss, 3)) & (miss < _NEAR * (axis[1] - axis[0]))
    rows, columns = np.nonzero(nearest)
    nodes = np.stack([axis[columns], axis[rows]], axis=1)
    starts.append((nodes[:, None] + (axis[1] - axis[0]) * _AROUND[-8:]).reshape(-1, 2))
    centres = ((0.0, 0.0, lens.einstein_radius), *lens.companions)
    starts += [(cx, cy) + radius * _AROUND for cx, cy, radius in centres]
    step = float(axis[1] - axis[0])
    images = _polished(lens, np.concatenate(starts), bx, by, step)
    # the twin of an image that is about to merge lies beside it
    beside = (images[:, None] + step * _AROUND).reshape(-1, 2)
    return _polished(lens, np.concatenate([images, beside]), bx, by, step)


def _farthest(lens: Lens, offset: float) -> float:
    """Distance beyond which there is no image of a point that far off the axis [arcsec].

    The deflection is at most that of the masses, which does not grow outwards, and of the shear.
    """
    angle = np.linspace(0.0, math.pi, 64)
    x, y = np.cos(angle), np.sin(angle)
    ellipsoid = replace(lens, gamma1=0.0, gamma2=0.0, companions=())
    most = 1.02 * float(np.hypot(*ellipsoid.deflection(x, y)).max())  # of angles in between, too
    most += sum(radius for _, _, radius in lens.companions)
    return (offset + most) / (1.0 - math.hypot(lens.gamma1, lens.gamma2))


def _polished(lens: Lens, places: np.ndarray, bx: float, by: float, step: float) -> np.ndarray:
    """Newton's method from each place; those that converge, each once."""
    h = 1e-5 * lens.einstein_radius
    for _ in range(12):
        x = places[:, :1] + np.array([0.0, h, -h, 0.0, 0.0])
        y = places[:, 1:] + np.array([0.0, 0.0, 0.0, h, -h])
        ax, ay = lens.deflection(x, y)
        u, v = x - ax - bx, y - ay - by
        uu, vu = (u[:, 1] - u[:, 2]) / (2 * h), (v[:, 1] - v[:, 2]) / (2 * h)
        uv, vv = (u[:, 3] - u[:, 4]) / (2 * h), (v[:, 3] - v[:, 4]) / (2 * h)
        determinant = uu * vv - uv * vu
        determinant = np.where(np.abs(determinant) < 1e-9, 1e-9, determinant)
        shift = (
            np.stack([(vv * u[:, 0] - uv * v[:, 0]), (uu * v[:, 0] - vu * u[:, 0])], axis=1)
            / determinant[:, None]
        )
        length = np.sqrt((shift**2).sum(1, keepdims=True))
        places = places - shift * np.minimum(1.0, step / np.maximum(length, 1e-12))
        if length.max(initial=0.0) < 1e-10:
            break
    ax, ay = lens.deflection(places[:, 0], places[:, 1])
    miss = np.hypot(places[:, 0] - ax - bx, places[:, 1] - ay - by)
    radius = np.hypot(places[:, 0], places[:, 1])
    sound = (miss < 1e-8) & (radius > 1e-3 * lens.einstein_radius)
    for cx, cy, own in lens.companions:
        sound &= np.hypot(places[:, 0] - cx, places[:, 1] - cy) > 1e-3 * own
    solved = places[sound]
    result: list[np.ndarray] = []
    for place in solved[np.lexsort(solved.T)]:
        if all(np.hypot(*(place - other)) > 1e-5 for other in result):
            result.append(place)
    return np.array(result).reshape(-1, 2)


def largest_separation(images: np.ndarray) -> float:
    """Largest distance between two of some images (k, 2), 0 for fewer than two [arcsec]."""
    if len(images) < 2:
        return 0.0
    offsets = images[:, None] - images[None]
    return float(np.sqrt((offsets**2).sum(-1)).max())
