"""Layers of a model that per-document gradients can be read of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workflow_scripts.common.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def linear_shapes(model: "PreTrainedModel") -> dict[str, tuple[int, ...]]:
    """Shapes of the weights of the linear layers below the output layer, by name."""
    import torch
    from transformers.pytorch_utils import Conv1D

    return {
        name: tuple(layer.weight.shape)
        for name, layer in model.base_model.named_modules()
        if isinstance(layer, torch.nn.Linear | Conv1D)
    }


def check_layers(model: "PreTrainedModel", modules: Sequence[str]) -> None:
    """Run two tokens through the model, to see that every linear layer can be read.

    Args:
        model: with values, or on the meta device.
        modules: names of its linear layers.

    Raises:
        ConfigError: there are none, one is not called, one does not see (documents, tokens,
            features), or the bulk of the weights is not in linear layers.
    """
    import torch

    name = type(model).__name__
    if not modules:
        raise ConfigError(f"the model ({name}) has no linear layer whose gradient could be taken")
    refusal = f"the model ({name}) cannot be attributed: its"
    stacked = [weight for weight, value in model.base_model.named_parameters() if value.ndim > 2]
    if stacked:
        raise ConfigError(
            f"{refusal} weight {stacked[0]} is no linear layer's, so its gradient would be left "
            "out; mixtures of experts and convolutions are not supported"
        )
    shapes: dict[str, int] = {}

    def watch(layer: str) -> "torch.utils.hooks.RemovableHandle":
        def see(_: torch.nn.Module, inputs: tuple) -> None:
            shapes[layer] = inputs[0].ndim

        return model.base_model.get_submodule(layer).register_forward_pre_hook(see)

    handles = [watch(layer) for layer in modules]
    try:
        with torch.no_grad():
            model(torch.zeros(1, 2, dtype=torch.long, device=model.device))
    finally:
        for handle in handles:
            handle.remove()
    for layer in modules:
        if shapes.get(layer) != 3:
            seen = f"gets {shapes[layer]} dimensions" if layer in shapes else "is not called"
            raise ConfigError(
                f"{refusal} layer {layer} {seen}, where (documents, tokens, features) are needed"
            )
