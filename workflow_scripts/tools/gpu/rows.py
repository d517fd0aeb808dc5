"""Rows of the table of measurements, and the options that all parts share."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """One measured number.

    Attributes:
        part: which part measured it.
        setting: shape and sizes, in words.
        what: measured thing.
        value: the number; None if it was not measured.
        unit: of the value.
        note: what else to know: a range, a bound, a reason.
    """

    part: str
    setting: str
    what: str
    value: float | None
    unit: str
    note: str = ""

    def line(self) -> str:
        """The row as a person reads it."""
        value = "-" if self.value is None else f"{self.value:,.4g}"
        named = f"{self.part:<11}{self.setting:<44}{self.what:<38}"
        return f"{named}{value:>10} {self.unit:<12}{self.note}".rstrip()

    def record(self) -> dict[str, Any]:
        """The row as a mapping."""
        return asdict(self)


@dataclass(frozen=True)
class Options:
    """Options of the measurements: device, shapes and sizes.

    Attributes:
        device: ``cuda``, or ``cpu`` to try the parts at small shapes.
        shape: of ``measure_pass.SHAPES``, for passes, kernels and numerics.
        step_shape: the same, for unlearning and questions.
        lengths: tokens of a document.
        tokens: tokens of a batch.
        batches: per pass.
        repeats: turns after the one that warms up.
        study: results folder of a finished study, or None.
        scale: 1; smaller tries the parts with less work.
    """

    device: str
    shape: str
    step_shape: str
    lengths: tuple[int, ...]
    tokens: tuple[int, ...]
    batches: int
    repeats: int
    study: Path | None
    scale: float

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the passes: bfloat16 on a GPU."""
        return torch.bfloat16 if self.on_gpu else torch.float32

    @property
    def on_gpu(self) -> bool:
        """True if the numbers are those of a GPU."""
        return self.device == "cuda"

    def scaled(self, number: int, least: int = 1) -> int:
        """``number`` at the scale of this run."""
        return max(least, round(number * self.scale))


Rows = Iterator[Row]


def spread(values: Sequence[float]) -> str:
    """Lowest and highest of the turns, in words."""
    return f"{min(values):.3f} to {max(values):.3f}"


def peak_gb(device: str | torch.device) -> float | None:
    """Peak memory of this process on the GPU since it was last reset, GB; None on the CPU."""
    on_gpu = torch.device(device).type == "cuda"
    return torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None
