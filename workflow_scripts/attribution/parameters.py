"""Parameters of the document pass and its preconditioner, as rules and trials hand them over."""

from collections.abc import Mapping
from typing import Any


def compute(config: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters shared by all gradient passes: device, precision, batch size and projection."""
    return {
        "projection_dim": config["attribution"]["projection_dim"],
        "seed_projection": config["seeds"]["projection"],
        "projections": config["attribution"]["projections"],
        "precision": config["model"]["precision"],
        "device": config["model"]["device"],
        "tokens_per_batch": config["attribution"]["tokens_per_batch"],
    }


def preconditioner_fit(config: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the rule fit_preconditioner."""
    return compute(config) | {
        "seed": config["seeds"]["preconditioner"],
        "documents": config["attribution"]["preconditioner_documents"],
        "damping": config["attribution"]["damping"],
        "loss_reduction": config["attribution"]["loss_reduction"],
    }


def document_pass(config: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the rule attribute_documents, but for the shard."""
    keys = ("loss_reduction", "row_dtype", "gate_rows", "gate_cosine")
    return (
        compute(config)
        | {"seed": config["seeds"]["preconditioner"]}
        | {key: config["attribution"][key] for key in keys}
    )
