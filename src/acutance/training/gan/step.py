"""The alternating step: the generator against the discriminator, then the discriminator's turn."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from acutance.losses.adversarial import discriminator_loss
from acutance.training.state import TrainState
from acutance.training.step import Batch, Forward, StepResult

Terms = dict[str, Tensor]


def gan_step(
    state: TrainState,
    batch: Batch,
    generator_terms: Callable[[Tensor, Batch], Terms],
    penalty: Callable[[Tensor], Tensor] | None,
    *,
    rates: tuple[float, float],
    dtype: torch.dtype,
    clip_norm: float,
    forward: Forward,
    judge: nn.Module,
) -> StepResult:
    """One step of both; an update whose gradients are not finite is left out.

    Args:
        state: of the generator and its opponent.
        batch: LR and HR.
        generator_terms: the weighted parts of the generator's loss, from G(x) and the batch.
        penalty: of the photos, added to the discriminator's loss; None leaves it out.
        rates: learning rates of the generator and the discriminator.
        dtype: arithmetic of the convolutions.
        clip_norm: both gradients are clipped to it.
        forward: the generator with all its outputs.
        judge: the discriminator as it is called for its own update.
    """
    assert state.opponent is not None
    discriminator, hr_NCHW = state.opponent.network, batch[1]
    autocast = torch.autocast(hr_NCHW.device.type, dtype, enabled=dtype != torch.float32)

    discriminator.requires_grad_(False).eval()  # a judge that stands still: no power iteration
    with autocast:
        sr_NCHW = forward(batch[0])[0].float()
        terms = generator_terms(sr_NCHW, batch)
    loss = torch.stack(list(terms.values())).sum()
    norm, fine = _update(state.network, state.optimiser, loss, rates[0], clip_norm)
    state.counters.step += 1
    if fine:
        state.ema.update(state.network, state.counters.step)

    discriminator.requires_grad_(True).train()
    with autocast:
        logits, _ = judge(torch.cat([hr_NCHW, sr_NCHW.detach()]))
    real, fake = logits.float().chunk(2)
    d_loss = discriminator_loss(real, fake)
    if penalty is not None:
        d_loss = d_loss + penalty(hr_NCHW)
    _, d_fine = _update(discriminator, state.opponent.optimiser, d_loss, rates[1], clip_norm)

    skipped = not (fine and d_fine)
    state.counters.skipped += skipped
    seen = {
        "d_loss": d_loss,
        "d_real": real.sigmoid().mean(),
        "d_fake": fake.sigmoid().mean(),
        "left_out": loss.new_tensor(float(skipped)),
    }
    return StepResult(loss.detach(), norm, {k: v.detach() for k, v in {**terms, **seen}.items()})


def _update(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    loss: Tensor,
    rate: float,
    clip_norm: float,
) -> tuple[Tensor, bool]:
    """Backward, clip, update unless something is not finite; gives the norm and whether it was."""
    optimiser.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    fine = bool(torch.isfinite(norm))
    if fine:
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
    return norm, fine
