"""Models that change the output of a linear layer in place, which hooks for gradients forbid.

torch hands the output of a layer with a backward hook on as a view that must not be changed.
Falcon adds the output of its attention to that of its MLP in place; a copy of the MLP's output
takes the change, and the gradients are the same.
"""

from collections.abc import Collection
from typing import Any

import torch
from transformers import PreTrainedModel

from workflow_scripts.common.errors import ConfigError, first_line

# Beginning of torch's message, and torch's name of the step that makes the view.
COMPLAINT, VIEW = "Output 0 of BackwardHookFunctionBackward", "BackwardHookFunctionBackward"


def let_outputs_be_changed(model: PreTrainedModel, modules: Collection[str]) -> None:
    """Copy what modules hand on of their linear layers, where the model needs it.

    Runs two tokens forward and backward, with a hook on each linear layer.

    Args:
        model: with a parameter or its embeddings in the backward graph.
        modules: names of its linear layers.

    Raises:
        ConfigError: the model cannot be run with hooks all the same.
    """
    try:
        try_hooks(model, modules)
    except RuntimeError as error:
        if not str(error).startswith(COMPLAINT):
            raise
        for name, module in model.base_model.named_modules():
            if name not in modules:
                module.register_forward_hook(lambda _, inputs, output: _unlocked(output))
        try:
            try_hooks(model, modules)
        except RuntimeError as again:
            raise ConfigError(
                f"the model ({type(model).__name__}) cannot be attributed: it changes the output "
                f"of a linear layer in place ({first_line(again)[:80]})"
            ) from error


def try_hooks(model: PreTrainedModel, modules: Collection[str]) -> None:
    """Run two tokens forward and backward, with a backward hook on each linear layer."""
    layers = [model.base_model.get_submodule(name) for name in modules]
    handles = [layer.register_full_backward_hook(lambda *_: None) for layer in layers]
    try:
        tokens = torch.zeros(1, 2, dtype=torch.long, device=model.device)
        with torch.enable_grad():
            model(tokens).logits.float().sum().backward()
    finally:
        for handle in handles:
            handle.remove()
        model.zero_grad(set_to_none=True)


def _unlocked(output: Any) -> Any:
    """The output of a module with copies in the place of views that must not be changed."""
    if isinstance(output, tuple):
        return tuple(_unlocked(each) for each in output)
    locked = isinstance(output, torch.Tensor) and type(output.grad_fn).__name__ == VIEW
    return output.clone() if locked else output
