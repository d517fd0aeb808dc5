"""Rows under another damping are those that the pass would have made."""

import torch

from workflow_scripts.attribution.rewhitening import change_damping, damping_changes
from workflow_scripts.attribution.whitening import inverse_root, unit, whiten

MODULES, BLOCK = 3, 9


def raw_rows(seed, count):
    rng = torch.Generator().manual_seed(seed)
    scale = torch.logspace(-2, 1, BLOCK)
    return torch.randn(count, MODULES, BLOCK, generator=rng) * scale


def test_rows_of_another_damping_follow_from_kept_ones():
    raw = raw_rows(1, 200)
    moments = torch.einsum("nmi,nmj->mij", raw, raw) / len(raw)
    moments[2] = 0  # a layer whose gradients are all zero
    kept = unit(whiten(raw, inverse_root(moments, 0.1)))
    changes = damping_changes(moments, 0.1, [0.01, 0.1, 1.0])
    for damping, change in changes.items():
        expected = unit(whiten(raw, inverse_root(moments, damping)))
        torch.testing.assert_close(change_damping(kept, change), expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(change_damping(kept, changes[0.1]), kept, rtol=1e-4, atol=1e-5)
