"""Whitening against closed forms."""

import torch

from workflow_scripts.attribution.whitening import Moments, inverse_root, unit, whiten


def random_rows(count, modules=3, block=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, modules, block, generator=generator)


def test_moments_are_the_mean_outer_product_whatever_the_batches():
    rows = random_rows(10)
    moments = Moments(3, 4)
    for chosen in ([3, 1, 2], [0, 9, 8, 7], [4, 5, 6]):
        moments.add(chosen, rows[chosen])
    expected = torch.einsum("nmi,nmj->mij", rows.double(), rows.double()) / 10
    torch.testing.assert_close(moments.mean(), expected.float())
    even = rows[::2].double()
    half = torch.einsum("nmi,nmj->mij", even, even) / 5
    torch.testing.assert_close(moments.mean(0), half.float())


def test_inverse_root_undoes_the_damped_moment():
    rows = random_rows(50)
    moment = torch.einsum("nmi,nmj->mij", rows, rows) / 50
    root = inverse_root(moment, 0.1).double()
    level = torch.linalg.eigvalsh(moment.double()).mean(dim=1)
    damped = moment.double() + 0.1 * level.view(-1, 1, 1) * torch.eye(4, dtype=torch.float64)
    identity = root @ damped @ root
    torch.testing.assert_close(identity, torch.eye(4).double().expand(3, 4, 4), atol=1e-5, rtol=0)


def test_whitening_leaves_directions_alone_when_all_are_equal():
    moment = torch.eye(4).expand(3, 4, 4)
    rows = random_rows(5)
    whitened = whiten(rows, inverse_root(moment, 0.1))
    torch.testing.assert_close(whitened, rows.reshape(5, -1) / 1.1**0.5)


def test_layer_without_gradient_adds_nothing_instead_of_infinity():
    moment = torch.stack([torch.eye(4), torch.zeros(4, 4)])
    rows = random_rows(5, modules=2)
    whitened = whiten(rows, inverse_root(moment, 0.1))
    assert torch.isfinite(whitened).all()
    assert whitened[:, 4:].abs().max() == 0


def test_unit_rows_have_norm_one_and_zero_rows_stay_zero():
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    torch.testing.assert_close(unit(rows), torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
