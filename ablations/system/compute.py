"""What computes, as a caller asks for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """The device, and how its numbers are computed.

    Attributes:
        device: "cpu" or "cuda"; None is CUDA where there is one, else the CPU.
        precision: fp32, tf32 or bf16; None is the study's precision, or fp32 where there is no study.
        compiled: whether torch.compile makes the code of models that allow it.
    """

    device: str | None = None
    precision: str | None = None
    compiled: bool = False


DEFAULT = Machine()
"""CUDA where there is one, and the precision that a study declares."""
