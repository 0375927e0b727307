"""The upscaler: any picture through a model, tile by tile, in bounded memory.

The command line, the evaluation and a Python program all run this code.
"""

import dataclasses
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from acutance.errors import UserError
from acutance.image.decode import PIXEL_LIMIT, open_picture
from acutance.image.encode import check_target, save_picture
from acutance.image.files import make_folder, nameless_file
from acutance.inference.backends.choose import choose_backend
from acutance.inference.backends.ensemble import SelfEnsemble
from acutance.inference.blend import blend, check_detail, ends_of_dial
from acutance.inference.memory import DEFAULT_MEMORY, tile_size
from acutance.inference.models import find_card
from acutance.inference.source import ArraySource, PictureSource, Source
from acutance.inference.strength import check_denoise, estimate
from acutance.inference.tiled import Progress, TiledNetwork
from acutance.models.card import Card, check_sound, read_card

GENTLE = 0.5
"""The most detail at which a face in a picture of strength ``STRONG`` still looks like skin."""

STRONG = 0.9
"""Strength from which on a picture counts as strongly degraded."""


@dataclass(frozen=True)
class Summary:
    """What an upscaling did."""

    source: Path
    target: Path
    size: tuple[int, int]
    """Width and height that went in."""
    upscaled: tuple[int, int]
    """Width and height that came out."""
    model: str
    engine: str
    notes: tuple[str, ...]
    strength: float | None = None
    """How much noise and compression was to be removed, 0 to 1; None for models without that."""


class Upscaler:
    """A model, ready to upscale pictures.

    Args:
        model: name of a shipped model (``base-x4``), or path of a model's card.
        device: ``auto`` (CUDA where PyTorch has it, else OpenVINO on the CPU), ``cpu`` (OpenVINO),
            or a device of PyTorch: ``cuda``, ``mps``, ``torch-cpu``.
        threads: CPU threads; all by default.
        memory: MiB for tiles and feature maps; decides the tile size. The picture itself is
            streamed and takes no more, however large it is.
        tile: LR pixels on a side of a tile, instead of deriving it from ``memory``.
        precision: ``auto`` (bf16 where the processor multiplies it), ``fp32`` or ``bf16``; OpenVINO
            only, PyTorch computes in fp32.
        best: average the results on the eight flips and transposes of the picture: a little better,
            eight times slower. Not done where the model commutes with them (``Card.equivariant``).
        detail: 0 (faithful) to 1: mix in this share of the GAN model that belongs to ``model``,
            which draws crisp detail that may not be true; with more than 0, ``model`` may be either
            of the two.
        denoise: how much noise and compression to remove, 0 (none) to 1, for models that ask for
            it; estimated for each picture by default.

    Raises:
        UserError: unknown model or device, damaged files, no GAN model to take detail from, or a
            model that cannot denoise.

    Example:
        >>> import numpy as np
        >>> from acutance import Upscaler
        >>> Upscaler("base-x4")(np.zeros((12, 16, 3), np.uint8)).shape
        (48, 64, 3)
    """

    def __init__(
        self,
        model: str | Path = "base-x4",
        *,
        device: str = "auto",
        threads: int | None = None,
        memory: int = DEFAULT_MEMORY,
        tile: int | None = None,
        precision: str = "auto",
        best: bool = False,
        detail: float = 0.0,
        denoise: float | None = None,
    ) -> None:
        card_path = find_card(str(model))
        self.card: Card = read_card(card_path)
        check_sound(self.card, card_path)
        self.scale = self.card.scale
        if threads is not None and threads < 1:
            raise UserError(f"threads must be at least 1, not {threads}")
        tile = tile_size(self.card, memory, tile)
        check_denoise(denoise)
        if denoise and not self.card.takes_strength:
            raise UserError(
                f"model '{self.card.name}' removes no noise: leave out --denoise, or choose a "
                "photo model"
            )
        self._denoise = denoise
        check_detail(detail)
        self._detail = detail or float(bool(self.card.detail_of))
        mixed = blend(*ends_of_dial(card_path), detail) if detail else None
        self.name = mixed.name if mixed else self.card.name
        weights = mixed.weights if mixed else None
        if mixed:
            self.card = dataclasses.replace(self.card, mirrored=mixed.mirrored)
        backend = choose_backend(self.card, card_path, device, threads, precision, weights)
        backend = SelfEnsemble(backend) if best and not self.card.equivariant else backend
        self._network = TiledNetwork(self.card, backend, tile, self.name)

    @property
    def engine(self) -> str:
        """Engine, arithmetic and device in words."""
        return self._network.backend.name

    def __call__(self, image: NDArray[Any] | str | Path) -> NDArray[Any]:
        """Upscale one picture.

        Args:
            image: a file's path, or an array ``(H, W)``, ``(H, W, 1)`` gray, ``(H, W, 2)`` gray and
                alpha, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGB and alpha (not premultiplied); uint8,
                uint16, or floats in [0, 1].

        Returns:
            The same shape and dtype, ``scale`` times as high and wide; rounded and clipped.

        Raises:
            UserError: an unreadable file, or an array of another shape or dtype.
        """
        if isinstance(image, (str, Path)):
            picture = open_picture(Path(image))
            dtype = np.dtype(np.uint16 if picture.largest == 65535 else np.uint8)
            return self._assembled(PictureSource(picture), dtype)
        image = np.asarray(image)
        result = self._assembled(ArraySource(image), image.dtype)
        return result[:, :, 0] if image.ndim == 2 else result

    def upscale_float(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(h, w, 3)`` floats to ``(s*h, s*w, 3)`` floats, neither rounded nor clipped.

        For measurements; values a little outside [0, 1] are allowed on both sides.
        """
        if lr.ndim != 3 or lr.shape[2] != 3:
            raise ValueError(f"expected (h, w, 3), not {lr.shape}")
        return self._assembled(ArraySource(lr, clip=False), np.dtype(np.float32), clip=False)

    def upscale_file(
        self,
        source: Path | str,
        target: Path | str,
        *,
        quality: int | None = None,
        overwrite: bool = False,
        pixel_limit: int = PIXEL_LIMIT,
        progress: Progress | None = None,
        denoise: float | None = None,
    ) -> Summary:
        """Upscale a file into another; depth, alpha, colour profile and metadata are kept.

        Tiles are written to a temporary file beside the target as they are made, and the target is
        encoded from it, so that memory stays bounded whatever the picture's size.

        Args:
            source: an image file.
            target: its suffix names the format.
            quality: 1 to 100 for jpg, webp and avif; 90 by default.
            overwrite: replace an existing file.
            pixel_limit: refuse a source of more pixels.
            progress: called after each tile.
            denoise: for this picture, instead of the upscaler's.

        Raises:
            UserError: unreadable source, existing or unwritable target, full disk, invalid output.
                The target is then as it was.
        """
        source, target = Path(source), Path(target)
        picture = open_picture(source, pixel_limit=pixel_limit)
        width, height = picture.image.width * self.scale, picture.image.height * self.scale
        if os.path.exists(target) and target.samefile(source):  # noqa: PTH110 - never raises
            raise UserError(f"{target} is the source itself: give another --output")
        kind = check_target(target, width, height, quality=quality, overwrite=overwrite)
        pixels = PictureSource(picture)
        notes = picture.notes
        if kind == "tiff" and picture.image.get_typeof("exif-data"):
            notes = (*notes, "EXIF left out, which libvips does not write into TIFF")
        folder = target.parent
        make_folder(folder)
        try:
            strength = self._strength(pixels, denoise)
            if self._detail > GENTLE and strength is not None and strength >= STRONG:
                notes = (*notes, f"so degraded that detail above {GENTLE:g} may paint over faces")
            bands, size = picture.image.bands, 2 if picture.largest == 65535 else 1
            if shutil.disk_usage(folder).free < width * height * bands * size:
                raise UserError(f"not enough free space in {folder} for {width} x {height} pixels")
            with nameless_file(folder) as (raw, name):
                dtype = np.dtype(np.uint16 if size == 2 else np.uint8)
                for top, left, part in self._network.parts(pixels, strength, progress):
                    _write_part(raw, _from_unit(part, dtype), top, left, width)
                raw.flush()
                form = "ushort" if size == 2 else "uchar"
                # Without revalidate, libvips would know another file of that name and size.
                image = pyvips.Image.rawload(
                    name, width, height, bands, format=form, revalidate=True
                )
                save_picture(image, target, like=picture, quality=quality, overwrite=overwrite)
        except OSError as error:
            raise UserError(
                f"cannot write to {folder}: {error.strerror}; check free space and permissions"
            ) from error
        return Summary(
            source=source,
            target=target,
            size=(picture.image.width, picture.image.height),
            upscaled=(width, height),
            model=self.name,
            engine=self.engine,
            notes=notes,
            strength=strength,
        )

    def _strength(self, source: Source, denoise: float | None = None) -> float | None:
        """What the network is told: what was asked for, else an estimate; None if it asks not."""
        check_denoise(denoise)
        if not self.card.takes_strength:
            return None
        asked = self._denoise if denoise is None else denoise
        return estimate(source).strength if asked is None else asked

    def _assembled(
        self, source: Source, dtype: np.dtype[Any], *, clip: bool = True
    ) -> NDArray[Any]:
        """The whole upscaled picture, ``(s*H, s*W, C)``."""
        s = self.scale
        result = np.empty((s * source.height, s * source.width, source.bands), dtype)
        for top, left, part in self._network.parts(source, self._strength(source), clip=clip):
            bottom, right = top + part.shape[0], left + part.shape[1]
            result[top:bottom, left:right] = _from_unit(part, dtype)
        return result


def _write_part(
    file: IO[bytes], part: NDArray[Any], top: int, left: int, picture_width: int
) -> None:
    """Put a part's rows where they belong in a file of raw pixels."""
    size = part.shape[2] * part.itemsize
    for y, row in enumerate(part, start=top):
        file.seek((y * picture_width + left) * size)
        file.write(row.tobytes())


def _from_unit(image: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Floats in [0, 1] to a dtype, rounded."""
    if not np.issubdtype(dtype, np.floating):
        image = np.rint(image * np.float32(np.iinfo(dtype).max))
    result: NDArray[Any] = image.astype(dtype)
    return result
