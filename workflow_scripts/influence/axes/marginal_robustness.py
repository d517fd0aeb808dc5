"""Robustness of marginal means: robust z, and the range of z when one bin is left out."""

import numpy as np
import polars as pl

from workflow_scripts.influence.contrast_draws import robust_rows
from workflow_scripts.influence.contrasts.contrasts import axes
from workflow_scripts.influence.contrasts.leave_out import leave_out
from workflow_scripts.influence.study_maps import StudyMaps

KEY = ["benchmark", "axis", "topic", "format"]
SCHEMA = {
    **dict.fromkeys(KEY, pl.String),
    **dict.fromkeys(("robust_z", "loo_low", "loo_high"), pl.Float64),
    **dict.fromkeys(("loo_topic", "loo_format"), pl.String),
}


def with_robustness(marginals: pl.DataFrame, maps: StudyMaps) -> pl.DataFrame:
    """The table of marginals with robust z and the range without one bin of each row.

    Args:
        marginals: a row per benchmark, topic and format.
        maps: of the study.
    """
    found = pl.concat([pl.DataFrame(schema=SCHEMA), *(_of_map(maps, n) for n in maps.influence)])
    return marginals.join(found, on=KEY, how="left", nulls_equal=True, maintain_order="left")


def _of_map(maps: StudyMaps, name: str) -> pl.DataFrame:
    """Rows of one benchmark; none where fewer than two bins have documents."""
    known, frames = maps.known([name]), [pl.DataFrame(schema=SCHEMA)]
    if known.sum() < 2:
        return frames[0]
    rows = maps.influence[name][known][None]
    for axis in axes(known)[1:]:
        filled = np.isfinite(axis.matrix).all(axis=1)
        matrix = np.where(filled[:, None], axis.matrix, 0.0)
        robust = np.where(filled, matrix @ robust_rows(rows)[0], np.nan)
        columns = {
            "benchmark": name,
            "axis": axis.name,
            "topic": axis.topics,
            "format": axis.formats,
            "robust_z": robust,
            **leave_out(matrix, rows, np.ones(1), known),
        }
        frames.append(pl.DataFrame(columns, schema=SCHEMA, nan_to_null=True))
    return pl.concat(frames)
