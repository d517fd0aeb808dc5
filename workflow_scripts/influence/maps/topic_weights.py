"""Given weights of topics, such as the mixing ratios of a corpus, to hold the maps against.

Read while a study is planned, so that nothing is computed before a bad file is found: it needs
nothing heavy.
"""

import math
from collections.abc import Mapping
from typing import Any

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.labels import read_label, unknown_label
from workflow_scripts.common.rows import read_rows

COLUMNS = ("topic", "weight")
# Fewer topics have no rank correlation to speak of.
LEAST_TOPICS = 3


def read_topic_weights(path: str) -> dict[str, float]:
    """Topic -> weight from a csv or parquet file with the columns topic and weight.

    Raises:
        ConfigError: the file is not there; names the key.
        DataError: names the file, the row, the value and what is allowed.
    """
    columns, rows = read_rows(path, "influence.topic_weights", COLUMNS)
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        found = ", ".join(columns) or "nothing"
        raise DataError(
            f"{path} lacks the column {missing[0]!r}; it needs topic and weight (found: {found})"
        )
    weights: dict[str, float] = {}
    for number, row in rows:
        topic, weight = _checked(path, number, row)
        if topic in weights:
            raise DataError(f"{path}, row {number}: topic {topic!r} comes twice")
        weights[topic] = weight
    if len(weights) < LEAST_TOPICS:
        raise DataError(f"{path} has {len(weights)} topics; at least {LEAST_TOPICS} are needed")
    return weights


def _checked(path: str, number: int, row: Mapping[str, Any]) -> tuple[str, float]:
    topic = read_label("topic", row["topic"])
    if topic is None:
        raise DataError(f"{path}, row {number}: {unknown_label('topic', row['topic'])}")
    text = row["weight"].strip() if isinstance(row["weight"], str) else row["weight"]
    try:
        weight = math.nan if isinstance(text, bool) else float(text)
    except (TypeError, ValueError):
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise DataError(f"{path}, row {number}: weight {text!r}; allowed: a number of 0 or more")
    return topic, weight
