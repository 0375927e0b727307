"""Which weights ship: the choice on the perception-distortion frontier of held-out photos.

No generator can be best in both (Blau and Michaeli, "The perception-distortion tradeoff", CVPR
2018), so the choice needs a rule, made before the run: of all validations that hold the floors of
PSNR and LR-PSNR and draw no checkerboards, the one that looks most like the photos. Such a point
lies on the frontier: no other that holds the floors is better in both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = dict[str, float]
"""``step``, ``psnr``, ``lr_psnr``, ``checkerboard`` but for tiny pictures, and ``lpips`` or, where
its weights are not there, ``niqe``."""


@dataclass(frozen=True)
class Floors:
    """What a checkpoint must hold to ship, on held-out photos."""

    psnr: float
    """dB, at least."""
    lr_psnr: float
    """dB, at least."""
    checkerboard: float = math.inf
    """At most."""

    def missing(self, point: Point) -> float:
        """By how much a point falls short, in dB and powers of two together; 0 if it holds all.

        >>> Floors(psnr=25.0, lr_psnr=45.0).missing({"psnr": 24.5, "lr_psnr": 46.0})
        0.5
        """
        return (
            max(0.0, self.psnr - point["psnr"])
            + max(0.0, self.lr_psnr - point["lr_psnr"])
            + max(0.0, point.get("checkerboard", 0.0) - self.checkerboard)
        )


def perception(point: Point) -> float:
    """LPIPS where it was measured, else NIQE; lower is better. 0 where neither could be."""
    return point.get("lpips", point.get("niqe", 0.0))


def best(points: Sequence[Point], floors: Floors) -> Point:
    """The point that ships: holds the floors, then looks best, then is the later one.

    Where none holds them, the one that falls short by least.

    >>> floors = Floors(psnr=25.0, lr_psnr=45.0)
    >>> crisp = {"step": 2, "psnr": 24.0, "lr_psnr": 46.0, "lpips": 0.15}
    >>> fair = {"step": 1, "psnr": 26.0, "lr_psnr": 46.0, "lpips": 0.2}
    >>> best([fair, crisp], floors)["step"]
    1
    """
    return min(points, key=lambda p: (floors.missing(p), perception(p), -p["step"]))


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in PSNR and perception both, by falling PSNR."""
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (-p["psnr"], perception(p))):
        if not found or perception(point) < perception(found[-1]):
            found.append(point)
    return found
