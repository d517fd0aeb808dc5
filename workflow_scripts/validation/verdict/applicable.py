"""Checks that do not apply to a study, with the reason shown in the verdict."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.files import read_json
from workflow_scripts.common.provenance import artifact_digest, sidecar_path, verify
from workflow_scripts.validation.scorers import SCORERS


def absent_checks(planted: bool, checks: Mapping[str, Any], rows: str) -> dict[str, str]:
    """Name of a check -> why this study does not have it.

    Args:
        planted: whether one of the study's benchmarks is planted in its corpus.
        checks: the config section ``validation``.
        rows: the config key ``attribution.rows``.
    """
    absent = {}
    if not planted:
        absent["planted"] = "the corpus is not planted: its truth is not known"
    if rows != "keep":
        reason = f"needs the documents' rows, attribution.rows is {rows}"
        needy = [scorer.name for scorer in SCORERS if "rows" in scorer.needs]
        absent |= dict.fromkeys(("scores", "bin_scores", *needy), reason)
    for scorer in SCORERS:
        name, judged = scorer.name, scorer.asked == "listed" and scorer.blind_to_truth
        if judged and name not in checks["scorers"]:
            absent[name] = f"{name} is not listed under validation.scorers"
        if scorer.asked == "switched" and not checks[name]:
            absent[name] = f"validation.{name} is false"
    if not checks["leakage_ngram"]:
        absent["leakage_maps"] = "validation.leakage_ngram is 0"
    if not checks["projection"]:
        absent["projection"] = "validation.projection is false"
    return absent


def why_no_retraining(lds: str | None, own_map: str | os.PathLike) -> str | None:
    """Reason why the retraining says nothing of this map; None where it does.

    Args:
        lds: where its table would lie; None where the study's model was not trained here.
        own_map: the study's map.

    Raises:
        IntegrityError: the table is not what its record says.
    """
    if lds is None:
        return "the study's model was not trained here"
    if not Path(lds).exists():
        return "not run: snakemake lds, an hour or more"
    verify(lds)
    if read_json(sidecar_path(lds))["inputs"]["trackstar"] != artifact_digest(own_map):
        return "made from another map than the study has now: run snakemake lds again"
    return None
