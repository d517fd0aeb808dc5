"""The contrasts that a configuration lists, checked before anything runs.

An entry of the config key ``contrasts`` has a name and two sides, ``plus`` and ``minus``. A side
lists benchmarks, or contrasts above it in the list, and is their mean.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from workflow_scripts.common.errors import ConfigError, nearest

SIDES = ("plus", "minus")
# A weight this small is rounding.
NOTHING = 1e-12


def check_contrasts(config: Mapping[str, Any]) -> None:
    """Check the config key ``contrasts`` against the benchmarks of the study.

    Raises:
        ConfigError: a name comes twice or is a benchmark's, a side names what is not there or
            what the other side has, or the sides cancel.
    """
    benchmarks, above = config["benchmarks"], []
    for place, entry in enumerate(config["contrasts"] or []):
        key, name = f"config key 'contrasts.{place}", entry["name"]
        if name in (*benchmarks, *above):
            what = "a benchmark of the study" if name in benchmarks else "a contrast above it"
            raise ConfigError(f"{key}.name' is {name!r}, the name of {what}; take another")
        known = [*benchmarks, *above]
        for side in SIDES:
            for other in entry[side]:
                if other not in known:
                    raise ConfigError(
                        f"{key}.{side}' names {other!r}; allowed: benchmarks of the study and "
                        f"contrasts above it: {', '.join(known)}{nearest(other, known)}"
                    )
        if both := [other for other in entry["plus"] if other in entry["minus"]]:
            raise ConfigError(
                f"{key}' has {both[0]!r} in plus and in minus; a contrast compares different maps"
            )
        above.append(name)
    for name, weights in weights_of(config["contrasts"] or [], benchmarks).items():
        if not weights:
            raise ConfigError(
                f"config key 'contrasts': the sides of {name!r} have the same weights on all "
                "benchmarks, so that nothing is left to compare"
            )


def weights_of(
    entries: Sequence[Mapping[str, Any]], benchmarks: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Contrast -> weight of each benchmark's z map: mean of plus less mean of minus.

    Args:
        entries: contrasts with name, plus and minus; a side may name those above it.
        benchmarks: of the study.
    """
    known = {name: {name: 1.0} for name in benchmarks}
    made = {}
    for entry in entries:
        plus, minus = (mean_weights([known[name] for name in entry[side]]) for side in SIDES)
        total = mean_weights([plus, {name: -weight for name, weight in minus.items()}], share=1.0)
        made[entry["name"]] = {name: w for name, w in total.items() if abs(w) > NOTHING}
        known |= {entry["name"]: made[entry["name"]]}
    return made


def mean_weights(
    parts: Sequence[Mapping[str, float]], share: float | None = None
) -> dict[str, float]:
    """Sum of weights over the parts, each times ``share`` (by default one over their number)."""
    share = 1 / len(parts) if share is None else share
    total: dict[str, float] = {}
    for part in parts:
        for name, weight in part.items():
            total[name] = total.get(name, 0.0) + share * weight
    return total
