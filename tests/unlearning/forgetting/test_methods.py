"""Objectives against their formulas and limits, and how two gradients are joined."""

import numpy as np
import pytest
import torch

from workflow_scripts.common.errors import ConfigError
from workflow_scripts.unlearning.forgetting.methods import (
    METHODS,
    join_gradients,
    method_of,
    norm_of,
)

LOSSES = torch.tensor([0.5, 1.7, 3.0], dtype=torch.float64)
BASE = torch.tensor([0.4, 1.0, 3.5], dtype=torch.float64)
TOKENS = torch.tensor([7.0, 12.0, 30.0], dtype=torch.float64)


def objective(name, losses=LOSSES, base=BASE, beta=0.1, gamma=0.0):
    return METHODS[name].objective(losses, base, TOKENS, beta, gamma)


def slope(name, beta=0.1, gamma=0.0, losses=LOSSES):
    """Gradient of the objective with respect to the per-document losses."""
    losses = losses.clone().requires_grad_()
    return torch.autograd.grad(objective(name, losses, beta=beta, gamma=gamma), losses)[0]


@pytest.mark.parametrize("beta", [0.05, 1.0])
def test_npo_is_the_formula_of_its_paper(beta):
    """Eq. 3: 2 / beta E log(1 + (pi / pi_base)^beta), pi the probability of a whole document."""
    ratio = np.exp(-TOKENS.numpy() * LOSSES.numpy()) / np.exp(-TOKENS.numpy() * BASE.numpy())
    expected = 2 / beta * np.log1p(ratio**beta).mean()
    assert objective("npo", beta=beta).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("beta", "gamma"), [(0.1, 0.0), (2.0, 0.5)])
def test_simnpo_is_the_formula_of_its_paper(beta, gamma):
    """Eq. 4: -2 / beta E log sigmoid(-beta / |y| log pi - gamma)."""
    per_token = -LOSSES.numpy()  # log pi / |y|
    inside = -beta * per_token - gamma
    expected = (-2 / beta * np.log(1 / (1 + np.exp(-inside)))).mean()
    assert objective("simnpo", beta=beta, gamma=gamma).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["ngdiff", "graddiff"])
def test_difference_methods_ascend_the_mean_loss(name):
    assert objective(name).item() == pytest.approx(-LOSSES.mean().item())
    torch.testing.assert_close(slope(name), torch.full_like(LOSSES, -1 / 3))


def test_npo_becomes_gradient_ascent_on_the_log_probability_for_small_beta():
    """Zhang et al. 2024, prop. 1: the gradient tends to that of the summed loss, ascended."""
    torch.testing.assert_close(slope("npo", beta=1e-7), -TOKENS / 3, rtol=1e-5, atol=0)


def test_simnpo_becomes_gradient_ascent_on_the_loss_per_token_for_small_beta():
    torch.testing.assert_close(
        slope("simnpo", beta=1e-7), torch.full_like(LOSSES, -1 / 3), rtol=1e-5, atol=0
    )


def test_npo_at_the_base_model_is_half_way():
    """Ratio one: 2 / beta log 2, and every document weighted by half of its tokens, twice."""
    assert objective("npo", BASE, BASE).item() == pytest.approx(2 / 0.1 * np.log(2))


@pytest.mark.parametrize("name", ["npo", "simnpo"])
def test_what_is_forgotten_already_is_pushed_less(name):
    """The weight of a document falls with its loss: this is what bounds the forgetting."""
    weight = [-slope(name, beta=1.0, losses=BASE + rise).sum().item() for rise in (0, 1, 2, 20)]
    assert weight == sorted(weight, reverse=True)
    assert weight[-1] < 1e-3 * weight[0]


def test_npo_does_not_overflow_where_the_probability_ratio_does():
    far = BASE - 100  # log ratio of 700 and more: exp overflows
    assert torch.isfinite(objective("npo", far, beta=1.0))


def gradients(seed):
    torch.manual_seed(seed)
    return [torch.randn(3, 4), torch.randn(5)]


def flat(parts):
    return torch.cat([part.flatten() for part in parts]).double()


def test_the_norm_is_that_of_all_tensors_together():
    assert norm_of(gradients(1)).item() == pytest.approx(flat(gradients(1)).norm().item(), rel=1e-6)


@pytest.mark.parametrize("weight", [1.0, 0.4])
def test_normalised_gradients_are_joined_as_unit_vectors(weight):
    """With J = -loss: g = g_R / |g_R| - g_F / |g_F|."""
    g_forget_loss, g_retain = flat(gradients(1)), flat(gradients(2))
    expected = weight * g_retain / g_retain.norm() - g_forget_loss / g_forget_loss.norm()
    objective_gradient = [-part for part in gradients(1)]
    joined = join_gradients(objective_gradient, gradients(2), True, weight)
    torch.testing.assert_close(flat(joined), expected, rtol=1e-5, atol=1e-6)
    assert [part.shape for part in joined] == [part.shape for part in gradients(1)]


def test_plain_gradients_are_added_with_the_weight():
    joined = join_gradients(gradients(1), gradients(2), False, 0.4)
    torch.testing.assert_close(flat(joined), flat(gradients(1)) + 0.4 * flat(gradients(2)))


@pytest.mark.parametrize("normalised", [True, False])
def test_the_scale_of_the_forget_side_matters_only_without_normalising(normalised):
    thousandfold = [1000 * part for part in gradients(1)]
    first = flat(join_gradients(gradients(1), gradients(2), normalised, 1.0))
    second = flat(join_gradients(thousandfold, gradients(2), normalised, 1.0))
    assert torch.allclose(first, second, rtol=1e-4, atol=1e-5) == normalised


def test_a_gradient_of_zeros_stays_zero_when_normalised():
    zeros = [torch.zeros_like(part) for part in gradients(1)]
    joined = flat(join_gradients(gradients(1), zeros, True, 1.0))
    torch.testing.assert_close(joined, flat(gradients(1)) / flat(gradients(1)).norm())


def test_the_gradients_handed_in_are_not_changed():
    forget, retain = gradients(1), gradients(2)
    join_gradients(forget, retain, True, 0.5)
    assert torch.equal(flat(forget), flat(gradients(1)))
    assert torch.equal(flat(retain), flat(gradients(2)))


def test_an_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError) as caught:
        method_of("ngdif")
    assert "'unlearning.method' is 'ngdif'" in str(caught.value)
    assert "did you mean 'ngdiff'?" in str(caught.value)
    assert "\n" not in str(caught.value)
