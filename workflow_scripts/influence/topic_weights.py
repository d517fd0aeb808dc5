"""Given weights of topics, such as the mixing ratios of a corpus, to hold the maps against.

Read while a study is planned, so that nothing is computed before a bad file is found: it needs
nothing heavy.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from workflow_scripts.common.errors import ConfigError, DataError
from workflow_scripts.common.taxonomy import FORMATS, TOPICS, label_problem

COLUMNS = ("topic", "weight")
# Fewer topics have no rank correlation to speak of.
LEAST_TOPICS = 3


def read_topic_weights(path: str) -> dict[str, float]:
    """Topic -> weight from a csv with the columns topic and weight.

    Raises:
        ConfigError: the file is not there; names the key.
        DataError: names the file, the row, the value and what is allowed.
    """
    if not Path(path).is_file():
        raise ConfigError(
            f"config key 'influence.topic_weights' is {path!r}, which is no file; check the path"
        )
    with Path(path).open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise DataError(f"{path} lacks the column {missing[0]!r}; it needs topic and weight")
        weights: dict[str, float] = {}
        for number, row in enumerate(reader, start=2):
            topic, weight = _checked(path, number, row)
            if topic in weights:
                raise DataError(f"{path}, row {number}: topic {topic!r} comes twice")
            weights[topic] = weight
    if len(weights) < LEAST_TOPICS:
        raise DataError(f"{path} has {len(weights)} topics; at least {LEAST_TOPICS} are needed")
    return weights


def _checked(path: str, number: int, row: Mapping[str, str | None]) -> tuple[str, float]:
    topic, text = (row["topic"] or "").strip(), (row["weight"] or "").strip()
    if topic not in TOPICS:
        raise DataError(f"{path}, row {number}: {label_problem(topic, FORMATS[0])}")
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise DataError(f"{path}, row {number}: weight {text!r}; allowed: a number of 0 or more")
    return topic, weight
