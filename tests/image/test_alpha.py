"""Colour that goes on beyond the edge of what is opaque."""

import numpy as np

from acutance.image.alpha import FILL_RADIUS, filled


def test_opaque_pixels_stay_and_their_colours_go_on() -> None:
    colour = np.random.default_rng(0).random((5, 40, 3)).astype(np.float32)
    colour[:, 20:] = 0.25
    alpha = np.ones((5, 40, 1), np.float32)
    alpha[:, :22] = 0
    result = filled(colour, alpha)
    np.testing.assert_array_equal(result[:, 22:], colour[:, 22:])
    np.testing.assert_allclose(result[:, 22 - FILL_RADIUS : 22], 0.25, rtol=1e-5)
    assert not result[:, : 22 - FILL_RADIUS].any()


def test_half_transparent_pixels_are_half_what_they_were() -> None:
    colour = np.full((9, 9, 1), 0.5, np.float32)
    colour[4, 4] = 1
    alpha = np.ones((9, 9, 1), np.float32)
    alpha[4, 4] = 0.5
    assert 0.75 < filled(colour, alpha)[4, 4, 0] < 0.8  # half 1, half what is around, itself too


def test_nothing_opaque_is_black() -> None:
    assert not filled(np.ones((3, 4, 3), np.float32), np.zeros((3, 4, 1), np.float32)).any()
