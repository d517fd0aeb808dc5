"""The study's model and its siblings: other trainings of the same architecture.

Imports nothing heavy, for plans and checks of the configuration.
"""

from collections.abc import Mapping
from typing import Any

# A trained sibling is named by its seed, a pretrained one by its place in the list, from 1.
NAMES = r"seed\d+|sibling\d+"


def model_seeds(config: Mapping[str, Any]) -> list[int]:
    """Training seeds, that of the study's own model first."""
    seeds = config["seeds"]["model"]
    return list(seeds) if isinstance(seeds, list) else [seeds]


def siblings(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The other models whose maps show what another training would have given.

    Returns:
        Name -> ``projection_seed``, and ``seed`` of a model that is trained here, or ``path`` and
        ``revision`` of a pretrained one. Each has projections of its own, so that their errors
        are independent of those of the study's map. Empty in a study of a matrix.
    """
    if config["influence"]["matrix"]:
        return {}
    from workflow_scripts.common.random_streams import stable_hash

    if config["model"]["source"] == "train":
        found = {f"seed{seed}": {"seed": seed} for seed in model_seeds(config)[1:]}
    else:
        listed = enumerate(config["model"]["siblings"], start=1)
        found = {f"sibling{number}": {"revision": ""} | each for number, each in listed}
    own = config["seeds"]["projection"]
    return {
        name: each | {"projection_seed": stable_hash(own, "sibling", name) % 2**32}
        for name, each in found.items()
    }
