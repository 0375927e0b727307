"""VDSR, DRCN, LapSRN and SCN as models: their graph is the network, and their tiles join."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from acutance.inference.backends.openvino import OpenVINOBackend
from acutance.inference.export import export
from acutance.inference.upscaler import Upscaler
from acutance.models.catalogue import build
from acutance.models.checkpoint import load_network
from acutance.models.describe import describe

SMALL: dict[str, dict[str, Any]] = {
    "vdsr": {"scale": 3, "depth": 5, "channels": 8},
    "drcn": {"scale": 2, "recursions": 3, "channels": 8},
    "lapsrn": {"scale": 4, "depth": 2, "channels": 8},
    "scn": {"scale": 4, "features": 60, "atoms": 80},
}


@pytest.fixture(scope="module", params=SMALL)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a small network without any zeros, exported."""
    key = request.param
    torch.manual_seed(0)
    network = build(key, SMALL[key])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.03 * torch.randn(parameter.shape))
    return export(network, describe(network, key=key, name=key), tmp_path_factory.mktemp(key))


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).random((height, width, 3)).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 9), (17, 10)])
def test_the_graph_is_the_network(model: Path, height: int, width: int) -> None:
    network, card = load_network(model)
    backend = OpenVINOBackend(card, model.parent)
    assert backend.name == "OpenVINO fp32 CPU"  # the card asks for it, whatever the processor has
    lr = torch.from_numpy(picture(height, width)).permute(2, 0, 1)[None].contiguous()
    with torch.no_grad():
        expected = network(lr).numpy()
    np.testing.assert_allclose(backend.run(lr.numpy()), expected, atol=2e-5)


@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
@pytest.mark.parametrize(("height", "width"), [(41, 30), (1, 1), (1, 37)])
def test_tiled_equals_untiled(model: Path, device: str, height: int, width: int) -> None:
    lr = picture(height, width)
    whole = Upscaler(model, device=device).upscale_float(lr)
    tiled = Upscaler(model, device=device, tile=9).upscale_float(lr)
    scale = SMALL[model.stem]["scale"]
    assert whole.shape == (height * scale, width * scale, 3)
    np.testing.assert_allclose(tiled, whole, atol=2e-5)


def test_little_memory_is_enough(model: Path) -> None:
    """Tiles are sized by the card's feature maps."""
    upscaler, generous = Upscaler(model, memory=64), Upscaler(model, memory=1024)
    assert upscaler._network.tile < generous._network.tile
