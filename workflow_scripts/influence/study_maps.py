"""The maps of a study side by side, with draws of their errors where these are known.

A study of its own corpus can redraw its documents and questions; an existing matrix holds one
number a bin, and no table can state an error for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.contrast_draws import noise_of_z, standardise_rows
from workflow_scripts.influence.uncertainty.resampling import Resampling


@dataclass(frozen=True)
class StudyMaps:
    """All maps of a study.

    Attributes:
        influence: benchmark -> (576,) float64, NaN for a bin that was not scored.
        resampling: benchmark -> its redrawable form; empty for an existing matrix.
        errors: benchmark -> (R, 576) draws of the error of its z map, documents shared between
            benchmarks; NaN for bins without documents or with one fold. Empty for a matrix.
    """

    influence: Mapping[str, np.ndarray]
    resampling: Mapping[str, Resampling] = field(default_factory=dict)
    errors: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def redrawable(self) -> bool:
        """True if documents and questions are known."""
        return bool(self.resampling)

    def known(self, names: Iterable[str]) -> np.ndarray:
        """(576,) bool: bins that all of these maps have."""
        return np.all([np.isfinite(self.influence[name]) for name in names], axis=0)

    def z(self, names: Iterable[str], known: np.ndarray) -> np.ndarray:
        """(K, known) standard scores over the known bins; a constant map is 0."""
        return standardise_rows(np.stack([self.influence[name][known] for name in names]))

    def error(self, names: Iterable[str], known: np.ndarray) -> np.ndarray | None:
        """(K, R, known) draws of the errors of z, None where they are not known."""
        if not self.redrawable:
            return None
        return np.stack([self.errors[name][:, known] for name in names])


def redrawn(maps: Mapping[str, Resampling], draws: int, seed: int) -> StudyMaps:
    """The maps of a study with documents and questions.

    Args:
        maps: benchmark -> its redrawable form.
        draws: number R of draws of the errors.
        seed: of the draws.
    """
    influence = {name: part.influence for name, part in maps.items()}
    known = np.all([np.isfinite(values) for values in influence.values()], axis=0)
    errors = {name: np.full((draws, len(BINS)), np.nan) for name in maps}
    if known.sum() > 1:
        for name, noise in zip(maps, noise_of_z(maps, known, draws, seed), strict=True):
            errors[name][:, known] = noise
    return StudyMaps(influence, maps, errors)
