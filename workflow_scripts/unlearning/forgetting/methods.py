"""Unlearning methods: what is minimised on the forget set, and how the two gradients are joined.

Every method descends g = w g_R + g_J, with g_R the gradient of the retain loss and g_J that of
an objective J on the forget set:

- ``ngdiff`` (Bu et al. 2024, "Unlearning as multi-task optimization"): J = -loss, and both
  gradients are divided by their norm: g = g_R / |g_R| - g_F / |g_F|.
- ``graddiff`` (Liu et al. 2022, "Continual learning and private unlearning"): J = -loss.
- ``npo`` (Zhang et al. 2024, "Negative preference optimization", eq. 3):
  J = 2 / beta mean log(1 + (pi / pi_base)^beta), pi the probability of a document.
- ``simnpo`` (Fan et al. 2024, "Simplicity prevails", eq. 4):
  J = -2 / beta mean log sigmoid(beta loss - gamma), without the base model's probability.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from workflow_scripts.common.errors import ConfigError, nearest

# losses, base losses (both nats per token), predicted tokens -> objective to descend.
Objective = Callable[[Tensor, Tensor, Tensor, float, float], Tensor]


@dataclass(frozen=True)
class Method:
    """Unlearning method.

    Attributes:
        name: as in the config.
        objective: takes per-document losses (n,), base losses (n,), predicted tokens (n,), beta
            and gamma; returns the scalar to descend on the forget set.
        normalised: divide both gradients by their norm before they are joined.
    """

    name: str
    objective: Objective
    normalised: bool = False


def ascent(losses: Tensor, base: Tensor, n_tokens: Tensor, beta: float, gamma: float) -> Tensor:
    """Minus the mean loss: descending it raises the loss."""
    return -losses.mean()


def npo(losses: Tensor, base: Tensor, n_tokens: Tensor, beta: float, gamma: float) -> Tensor:
    """Negative preference optimization; log (pi / pi_base) of a document is summed over tokens."""
    log_ratio = (base - losses) * n_tokens
    return 2 / beta * functional.softplus(beta * log_ratio).mean()


def simnpo(losses: Tensor, base: Tensor, n_tokens: Tensor, beta: float, gamma: float) -> Tensor:
    """SimNPO: the loss per token replaces the ratio to the base model."""
    return 2 / beta * functional.softplus(gamma - beta * losses).mean()


METHODS = {
    method.name: method
    for method in (
        Method("ngdiff", ascent, normalised=True),
        Method("graddiff", ascent),
        Method("npo", npo),
        Method("simnpo", simnpo),
    )
}


def method_of(name: str) -> Method:
    """The method of this name.

    Raises:
        ConfigError: the name is unknown.
    """
    if name not in METHODS:
        raise ConfigError(
            f"config key 'unlearning.method' is {name!r}; allowed: {', '.join(METHODS)}"
            f"{nearest(name, list(METHODS))}"
        )
    return METHODS[name]


def norm_of(gradients: Sequence[Tensor]) -> Tensor:
    """Euclidean norm over all tensors of a gradient, float32 scalar."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(gradients))))


def join_gradients(
    forget: Sequence[Tensor], retain: Sequence[Tensor], normalised: bool, retain_weight: float
) -> list[Tensor]:
    """Gradient of one step from those of the forget objective and of the retain loss.

    Args:
        forget: gradient of the forget objective J, one tensor per parameter.
        retain: gradient of the retain loss, one tensor per parameter.
        normalised: divide each by its norm over all parameters first.
        retain_weight: factor of the retain side.
    """
    if normalised:
        # A gradient of zeros (nothing to retain or forget) stays zero.
        scale_f = 1 / norm_of(forget).clamp_min(1e-12)
        scale_r = retain_weight / norm_of(retain).clamp_min(1e-12)
    else:
        scale_f, scale_r = 1.0, retain_weight
    joined = torch._foreach_mul(list(forget), scale_f)
    torch._foreach_add_(joined, torch._foreach_mul(list(retain), scale_r))
    return joined
