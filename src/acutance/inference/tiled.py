"""A picture through a network, tile by tile: any size in bounded memory.

Legend: N batch, C channels, H and W height and width.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.image.alpha import FILL_RADIUS, filled
from acutance.image.resize import mirrored, resize
from acutance.inference.backends.protocol import Backend
from acutance.inference.source import Source
from acutance.inference.tiling import Tile, split
from acutance.models.card import Card
from acutance.models.padding import padding_to_multiple

Progress = Callable[[int, int], None]
"""Called with the tiles done and the tiles in all."""


@dataclass
class TiledNetwork:
    """A network that takes pictures of any size, gray or RGB, with alpha or without."""

    card: Card
    backend: Backend
    tile: int
    """LR pixels on a side of the part that a tile keeps."""
    name: str
    """Of the model, for the person."""

    def parts(
        self,
        source: Source,
        strength: float | None,
        progress: Progress | None = None,
        *,
        clip: bool = True,
    ) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
        """Upscaled parts, ``(top, left, (h, w, C))``, which cover the picture without overlap."""
        s, multiple = self.card.scale, self.card.multiple
        reach, size = self.card.receptive_field, self.tile
        if source.bands in (2, 4):
            further = -(-FILL_RADIUS // multiple) * multiple
            reach, size = reach + further, max(size - 2 * further, multiple)
        rows = split(
            source.height + padding_to_multiple(source.height, multiple),
            source.width + padding_to_multiple(source.width, multiple),
            size,
            overlap=reach,
            multiple=multiple,
            border=self.card.mirrored,
        )
        tiles = [
            tile
            for row in rows
            for tile in row
            # The padding alone can fill the last part.
            if tile.y.keep_start < source.height and tile.x.keep_start < source.width
        ]
        for i, tile in enumerate(tiles, start=1):
            part = self._through(source, tile, strength)
            top, left = tile.y.keep_start, tile.x.keep_start
            part = part[: (source.height - top) * s, : (source.width - left) * s]
            yield top * s, left * s, part.clip(0, 1) if clip else part
            if progress:
                progress(i, len(tiles))

    def _through(self, source: Source, tile: Tile, strength: float | None) -> NDArray[np.float32]:
        """One tile's kept part, all bands."""
        s = self.card.scale
        pixels_HWC = _read_mirrored(source, tile)
        bands = source.bands
        colour, alpha = pixels_HWC, None
        if bands in (2, 4):
            colour, alpha = pixels_HWC[:, :, :-1], pixels_HWC[:, :, -1:]
            colour = filled(colour, alpha)
        if colour.shape[2] == 1:
            colour = np.repeat(colour, 3, axis=2)
        planes = colour
        if strength is not None:
            planes = np.pad(colour, ((0, 0), (0, 0), (0, 1)), constant_values=strength)
        sr_NCHW = self.backend.run(planes.transpose(2, 0, 1)[None])
        high, wide = colour.shape[0] * s, colour.shape[1] * s
        if sr_NCHW.shape != (1, 3, high, wide):
            raise UserError(
                f"model '{self.name}' does not upscale by {s} as its card says; get it anew"
            )
        sr: NDArray[np.float32] = sr_NCHW[0].transpose(1, 2, 0)
        keep = tile.y.kept(s), tile.x.kept(s)
        sr = sr[keep]
        if not np.isfinite(sr).all():
            raise UserError(
                f"model '{self.name}' gave invalid numbers; try --device cpu, or another model"
            )
        if bands in (1, 2):
            sr = sr.mean(axis=2, keepdims=True)
        if alpha is None:
            return sr
        alpha = resize(alpha, high, wide)[keep].clip(0, 1)
        return np.concatenate([sr.clip(0, 1) * (alpha > 0), alpha], axis=2)


def _read_mirrored(source: Source, tile: Tile) -> NDArray[np.float32]:
    """What a tile reads; outside its edges the picture is mirrored, as often as it takes."""
    rows = mirrored(np.arange(tile.y.read_start, tile.y.read_stop), source.height)
    columns = mirrored(np.arange(tile.x.read_start, tile.x.read_stop), source.width)
    top, left = int(rows.min()), int(columns.min())
    inside = source.read(top, left, int(rows.max()) + 1 - top, int(columns.max()) + 1 - left)
    return inside[np.ix_(rows - top, columns - left)]
