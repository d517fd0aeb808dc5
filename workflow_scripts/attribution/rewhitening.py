"""Rows under another damping, from rows that were kept under the study's own.

A kept row is v = R u / |R u| with R = (H + lambda l I)^(-1/2) layer by layer, l the layer's mean
eigenvalue. Under another damping lambda' it is R' u / |R' u| = C v / |C v| with C = R' R^-1. R
and R' have the eigenvectors of H, so C has them too, and the eigenvalues
sqrt((h + lambda l) / (h + lambda' l)). The norm |R u| that was lost cancels: but for the
precision in which rows are stored, nothing is approximated.
"""

import torch

from workflow_scripts.attribution.whitening import unit, whiten


def damping_changes(
    moments: torch.Tensor, damping: float, others: list[float]
) -> dict[float, torch.Tensor]:
    """Linear maps from rows at one damping to rows at others, before they are brought to norm 1.

    Args:
        moments: (modules, block, block) float32 second moments.
        damping: of the kept rows, in units of the mean eigenvalue of each layer, above 0.
        others: wanted, above 0.

    Returns:
        damping -> (modules, block, block) float32, symmetric; the zero matrix for a layer whose
        gradients are all zero.
    """
    values, vectors = torch.linalg.eigh(moments.double())
    level = values.mean(dim=1, keepdim=True)
    values = values.clamp(min=0)
    changes = {}
    for other in others:
        ratio = torch.sqrt((values + damping * level) / (values + other * level))
        ratio = torch.where(level > 0, ratio, 0.0).unsqueeze(1)
        changes[other] = (vectors * ratio @ vectors.transpose(1, 2)).float()
    return changes


def change_damping(rows: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    """Unit rows (n, d) float32 under another damping, from kept unit rows (n, d) float32."""
    modules, block, _ = change.shape
    return unit(whiten(rows.reshape(len(rows), modules, block), change))
