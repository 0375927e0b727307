"""What a teacher says of every photo, found once, before a run."""

import dataclasses

import torch
from torch import nn

from acutance.data.datasets import Photos, to_uint8
from acutance.errors import UserError
from acutance.training.config import TrainConfig
from acutance.training.run_folder import load_teacher
from acutance.training.winograd import accelerate


def teacher_of(config: TrainConfig, device: torch.device) -> nn.Module:
    """The configuration's teacher, in the memory layout and arithmetic of its student.

    Raises UserError as ``load_teacher`` does.
    """
    assert config.teacher is not None
    teacher = load_teacher(config.teacher, scale=config.scale).to(device)
    teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.winograd:
        accelerate(teacher)
    return teacher


@torch.no_grad()
def taught(
    config: TrainConfig, photos: Photos, *, device: torch.device, dtype: torch.dtype
) -> Photos:
    """The photos, each HR to train on partly what the teacher makes of its LR, as pairs.

    ``hr + teacher_share * (teacher(lr) - hr)``, rounded to 8 bits, which adds less error than a
    hundredth of the power that a strong teacher leaves.

    Args:
        config: the run, which has a teacher.
        photos: what is trained on.
        device: where the teacher computes.
        dtype: of its convolutions.

    Raises:
        UserError: the teacher is none for this run, or the photos are a person's pairs.
    """
    if photos.paired:
        raise UserError("'teacher_once' is for photos, these are pairs: leave it out")
    teacher = teacher_of(config, device)
    pairs = []
    for pair in photos.train:
        lr = torch.from_numpy(pair.lr).to(device).permute(2, 0, 1)[None].float() / 255
        lr = lr.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            said = teacher(lr)
        picture = 255 * said[0].float().permute(1, 2, 0).cpu().numpy()
        mixed = pair.hr + config.teacher_share * (picture - pair.hr)
        pairs.append(dataclasses.replace(pair, hr=to_uint8(mixed)))
    return dataclasses.replace(photos, train=pairs, paired=True)
