"""What a teacher says of every photo, found once, before a run."""

import numpy as np
import torch
from numpy.typing import NDArray
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
def lessons(
    config: TrainConfig, photos: Photos, *, device: torch.device, dtype: torch.dtype
) -> list[NDArray[np.uint8]]:
    """The teacher's picture of each LR to train on, ``(s*h, s*w, 3)``, rounded to 8 bits.

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
    pictures = []
    for pair in photos.train:
        lr = torch.from_numpy(pair.lr).to(device).permute(2, 0, 1)[None].float() / 255
        lr = lr.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            said = teacher(lr)
        pictures.append(to_uint8(255 * said[0].float().permute(1, 2, 0).cpu().numpy()))
    return pictures
