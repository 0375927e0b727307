"""Convolutions with a quarter of the multiplications, for training on a CPU in fp32.

Winograd's minimal filtering, F(4x4, 3x3): Lavin and Gray, "Fast algorithms for convolutional neural
networks", CVPR 2016. No library that PyTorch uses on an x86 processor has it, so it is a C++
extension, built when it is first asked for. ``accelerate`` gives it to a network.
"""

from acutance.training.winograd.layers import accelerate

__all__ = ["accelerate"]
