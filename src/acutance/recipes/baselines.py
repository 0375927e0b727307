"""Recipes for the other networks of the 2017 table, on our photos and by our trainer.

Structure, loss and supervision are the papers', but for DRCN's weight decay of 1e-4; optimiser and
schedule are those of our generator: warm-up, constant, annealed, by AdamW, but by Muon for the two
of which no weights were published, DRCN and VDSR at x8, since those are to get far here. A
comparison on equal terms has AdamW for all. The papers trained for days on a GPU: what their
published weights reach is in docs/baselines.md. Ten minutes here are a start; ``--max-minutes``
gives more.
All losses are of luma alone, since these networks leave colour to bicubic.

Hardware: one core at 110 GFLOP/s (fp32).
"""

import dataclasses

from acutance.training.config import LossPhase, PatchPhase, TrainConfig

_X4 = (PatchPhase(until=1.0, patch=16, batch=16),)
_X8 = (PatchPhase(until=1.0, patch=16, batch=8),)


def _recipe(
    network: str,
    scale: int,
    losses: tuple[LossPhase, ...],
    patches: tuple[PatchPhase, ...],
    learning_rate: float,
) -> TrainConfig:
    return TrainConfig(
        recipe=f"{network}-x{scale}",
        network=network,
        size="paper",
        scale=scale,
        steps=None,
        max_minutes=10,
        losses=losses,
        patches=patches,
        learning_rate=learning_rate,
    )


def _luma_mse(supervision: float = 0.0, until: float = 1.0) -> LossPhase:
    return LossPhase(until=until, content="mse", luma=True, supervision=supervision)


def _charbonnier(supervision: float) -> LossPhase:
    return LossPhase(until=1.0, content="charbonnier", luma=True, supervision=supervision)


def vdsr_x4() -> TrainConfig:
    """VDSR (Kim et al., CVPR 2016) at x4: MSE.

    Time: 10 minutes. Expected: 27.56 dB is what the published weights reach;
    what three and five minutes reach: docs/benchmarks/experiments.md.
    Command: ``acutance train vdsr-x4 --data DIR --out RUN``
    """
    return _recipe("vdsr", 4, (_luma_mse(),), _X4, 3e-4)


def vdsr_x8() -> TrainConfig:
    """VDSR at x8, for which no weights were published: MSE, by Muon.

    Time: 40 minutes of one core with ``winograd``; measured: 24.20 dB, SSIM .5790, HFENI .728, the
    mean of Set5, Set14 and BSDS100 by ``poster2017``, where the 2017 table has 24.29, .5823, .752.
    Command: ``acutance train vdsr-x8 --data DIR --out RUN --set winograd=true``
    """
    patches = (PatchPhase(until=0.6, patch=16, batch=2), PatchPhase(until=1.0, patch=16, batch=4))
    recipe = _recipe("vdsr", 8, (_luma_mse(),), patches, 1e-3)
    return dataclasses.replace(recipe, max_minutes=40, optimiser="muon", anneal=0.75)


def drcn_x4() -> TrainConfig:
    """DRCN (Kim et al., CVPR 2016) at x4: MSE of the ensemble and of every recursion.

    As in the paper the recursions' share falls in the course of the run. 312 million multiply-adds
    an LR pixel, so every step is small: one patch. Muon at 1e-3 learned in fifty seconds what AdamW
    at 1e-3 had not begun to; at 4e-3 it diverged.
    Time: 40 minutes of one core with ``winograd``, then 20 of validating; measured: 26.61 dB, half
    a decibel over bicubic, where the 2017 table has 27.53: it wants a GPU.
    Command: ``acutance train drcn-x4 --data DIR --out RUN --set winograd=true``
    """
    shares = ((0.9, 0.4), (0.5, 0.75), (0.1, 1.0))
    patches = (PatchPhase(until=0.85, patch=16, batch=1), PatchPhase(until=1.0, patch=16, batch=2))
    losses = tuple(_luma_mse(share, until) for share, until in shares)
    recipe = _recipe("drcn", 4, losses, patches, 1e-3)
    return dataclasses.replace(recipe, max_minutes=40, optimiser="muon", anneal=0.8, ema=0.99)


def lapsrn_x4() -> TrainConfig:
    """LapSRN (Lai et al., CVPR 2017) at x4: Charbonnier, both levels alike.

    Time: 10 minutes. Expected: 27.60 dB is what the published weights reach;
    what three and five minutes reach: docs/benchmarks/experiments.md.
    Command: ``acutance train lapsrn-x4 --data DIR --out RUN``
    """
    return _recipe("lapsrn", 4, (_charbonnier(1 / 2),), _X4, 5e-4)


def lapsrn_x8() -> TrainConfig:
    """LapSRN at x8: Charbonnier, all three levels alike.

    Time: 10 minutes. Expected: 24.61 dB is what the published weights reach;
    what three and five minutes reach: docs/benchmarks/experiments.md.
    Command: ``acutance train lapsrn-x8 --data DIR --out RUN``
    """
    return _recipe("lapsrn", 8, (_charbonnier(2 / 3),), _X8, 5e-4)


def scn_x4() -> TrainConfig:
    """SCN (Wang et al., ICCV 2015) at x4: MSE, both stages alike, weights shared.

    Time: 10 minutes, not yet run. Expected: 27.10 dB is what the published x2 weights, cascaded,
    reach.
    Command: ``acutance train scn-x4 --data DIR --out RUN``
    """
    return _recipe("scn", 4, (_luma_mse(1 / 2),), _X4, 1e-3)


def scn_x8() -> TrainConfig:
    """SCN at x8: MSE, all three stages alike, weights shared.

    Time: 10 minutes. Expected: 24.36 dB is what the published x2 weights, cascaded, reach;
    what three and five minutes reach: docs/benchmarks/experiments.md.
    Command: ``acutance train scn-x8 --data DIR --out RUN``
    """
    return _recipe("scn", 8, (_luma_mse(2 / 3),), _X8, 1e-3)
