"""The explorer's grid without the topics and formats that no map has a value for."""

from typing import Any

from workflow_scripts.common.taxonomy import FORMATS, TOPICS, display_name

N_FORMATS = len(FORMATS)


def fold(payload: dict[str, Any]) -> dict[str, Any]:
    """Keep the rows and columns of the grid in which some bin has a value on some map.

    Everything that goes by bin, topic or format is cut to them, and ``topics`` and ``formats``
    (label and name of each) say which they are. A page of 64 bins out of 576 then shows these.

    Args:
        payload: of the page, with arrays over all bins, topics and formats; changed in place.

    Returns:
        The payload; ``folded`` says in a line how much of the grid is shown, empty for all of it.
    """
    topics, formats = _occupied(payload["maps"])
    bins = [topic * N_FORMATS + format_ for topic in topics for format_ in formats]
    payload["bins"] = {name: _cut(values, bins) for name, values in payload["bins"].items()}
    for made in payload["maps"]:
        _fold_map(made, bins, topics, formats)
    for key, labels, kept in (("topics", TOPICS, topics), ("formats", FORMATS, formats)):
        payload[key] = [[labels[place], display_name(labels[place])] for place in kept]
    payload["folded"] = _words(topics, formats, payload["empty"])
    return payload


def _occupied(maps: list[dict[str, Any]]) -> tuple[list[int], list[int]]:
    """Positions of the topics and formats that hold a value; all of them where none does."""
    held = {
        index
        for made in maps
        for measure in made["measures"].values()
        for index, value in enumerate(measure["value"])
        if value is not None
    }
    if not held:
        return list(range(len(TOPICS))), list(range(N_FORMATS))
    places = [divmod(index, N_FORMATS) for index in held]
    return sorted({row for row, _ in places}), sorted({column for _, column in places})


def _fold_map(made: dict[str, Any], bins: list[int], topics: list[int], formats: list[int]) -> None:
    """Cut one map's arrays to the bins, topics and formats that are kept."""
    for name in ("p", "q", "found"):
        made[name] = _cut(made[name], bins)
    made["columns"] = {name: _cut(values, bins) for name, values in made["columns"].items()}
    for measure in made["measures"].values():
        for name in ("value", "low", "high"):
            measure[name] = _cut(measure[name], bins)
        for axis, kept in (("topic", topics), ("format", formats)):
            margin = measure["margins"][axis]
            measure["margins"][axis] = {name: _cut(margin[name], kept) for name in margin}
    if "truth" in made:
        places = {str(index): str(place) for place, index in enumerate(bins)}
        truth = made["truth"].items()
        made["truth"] = {places[index]: role for index, role in truth if index in places}


def _cut(values: list[Any], kept: list[int]) -> list[Any]:
    return [values[place] for place in kept]


def _words(topics: list[int], formats: list[int], empty: str) -> str:
    parts = [
        f"{len(kept)} of {len(labels)} {name}"
        for kept, labels, name in ((topics, TOPICS, "topics"), (formats, FORMATS, "formats"))
        if len(kept) < len(labels)
    ]
    return f"Shown: {' and '.join(parts)}; the others have {empty}." if parts else ""
