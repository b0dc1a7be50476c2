"""Galleries: the stretch of an image, room for every caption, one scale a row."""

import numpy as np

from lenszoo.reporting.gallery import RESIDUAL, Tile, gallery_figure, stretch


def test_stretch_spans_zero_to_one_and_keeps_the_order():
    image = np.random.default_rng(0).gamma(1, 1, (20, 20, 1))
    shown = stretch(image)
    assert shown.shape == (20, 20)
    assert (shown.min(), shown.max()) == (0, 1)
    above = image[..., 0] > np.percentile(image, 1)
    order = np.argsort(image[..., 0][above])
    assert (np.diff(shown[above][order]) >= 0).all()
    np.testing.assert_allclose(stretch(image * 1e4 - 7), shown, atol=1e-9)
    assert (stretch(np.full((4, 4), 3.0)) == 0).all()
    bad = stretch(np.array([[np.nan, 1.0], [2.0, np.inf]]))
    assert np.isnan(bad[0, 0])
    assert bad[1, 0] == 1


def test_every_caption_and_title_has_room():
    tiles = [Tile(np.eye(8), ("first", "second", "third"), np.eye(8))] * 5
    figure = gallery_figure(tiles, columns=4, titles=list("abcd"), bars=True)
    assert len([axes for axes in figure.axes if axes.images]) == 5
    assert len(figure.texts) == 15 + 4
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.texts]
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.height for box in boxes)
    for axes in figure.axes:
        assert not any(axes.get_window_extent().overlaps(box) for box in boxes)


def test_a_residual_of_zero_is_as_dark_as_the_ground():
    figure = gallery_figure([Tile(np.zeros((4, 4)), (), None, (-2, 2), RESIDUAL)], bars=True)
    image = figure.axes[0].images[0]
    assert image.get_clim() == (-2, 2)
    assert max(image.cmap(image.norm(0.0))[:3]) < 0.15
    assert [tick.get_text() for tick in figure.axes[1].get_yticklabels()] == ["-2", "0", "2"]
