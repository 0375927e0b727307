"""Acutance: single-image super-resolution.

>>> from acutance import Upscaler
>>> upscaler = Upscaler("base-x4")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acutance.inference.choice import choose_model
    from acutance.inference.upscaler import Upscaler

__all__ = ["Upscaler", "__version__", "choose_model"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import on first use: ``import acutance`` itself loads nothing."""
    if name == "Upscaler":
        from acutance.inference.upscaler import Upscaler

        return Upscaler
    if name == "choose_model":
        from acutance.inference.choice import choose_model

        return choose_model
    raise AttributeError(f"module 'acutance' has no attribute '{name}'")
