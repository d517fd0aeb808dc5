"""The only importer of peft: small trainable adapters on a frozen base model.

Also offers training of all weights, for small models, behind the same few functions.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import peft
import torch
from peft.tuners.lora import LoraLayer

from workflow_scripts.common.errors import ConfigError, IntegrityError
from workflow_scripts.common.random_streams import stream

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Weights = dict[str, torch.Tensor]

# peft 0.21 asks transformers 5 for a name that this has renamed; nobody here can act on that.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")


@dataclass(frozen=True)
class AdapterSettings:
    """Trained parameters of an adapter.

    Attributes:
        parameters: ``lora`` or ``full``.
        rank: rank of each LoRA update.
        alpha: LoRA updates are scaled by alpha / rank.
    """

    parameters: str = "lora"
    rank: int = 8
    alpha: int = 16


class Adapter:
    """A base model with its trainable weights, which can be reset, read and replaced.

    Attributes:
        model: the module to call; the base model with adapters injected.
        settings: see :class:`AdapterSettings`.
    """

    def __init__(self, model: "PreTrainedModel", settings: AdapterSettings) -> None:
        """Freeze ``model`` and add the trainable weights, which change nothing yet.

        Raises:
            ConfigError: the model has no linear layer that LoRA could adapt, or lies on several
                devices.
        """
        if len({weight.device for weight in model.parameters()}) > 1:
            raise ConfigError(
                "unlearning needs the model on one device, but model.device 'auto' dealt it over "
                "several; use 'cuda' with a GPU large enough"
            )
        self.settings = settings
        if settings.parameters == "full":
            self.model = model.requires_grad_(True)
            self._start = self.weights()
            return
        config = peft.LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        try:
            self.model = peft.get_peft_model(model, config)
        except ValueError as error:
            raise ConfigError(f"LoRA cannot adapt this model: {error}") from None

    def parameters(self) -> list[torch.nn.Parameter]:
        """The trainable parameters, in the order of the model."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    def weights(self) -> Weights:
        """A copy of the trainable weights by name, on the CPU."""
        return {
            name: weight.detach().cpu().clone()
            for name, weight in self.model.named_parameters()
            if weight.requires_grad
        }

    def reset(self, seed: int) -> None:
        """Back to the base model: LoRA's A drawn from ``seed``, B zero; or the first weights."""
        if self.settings.parameters == "full":
            self.load(self._start)
            return
        generator = torch.Generator().manual_seed(int(stream(seed, "adapter").integers(2**31)))
        with torch.no_grad():
            for module in self._layers():
                down, up = module.lora_A["default"].weight, module.lora_B["default"].weight
                # As peft: Kaiming uniform with a = sqrt(5), which is U(-1, 1) / sqrt(fan in).
                drawn = torch.rand(down.shape, generator=generator) * 2 - 1
                down.copy_(drawn / down.shape[1] ** 0.5)
                up.zero_()

    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Replace the trainable weights.

        Raises:
            IntegrityError: they are not those of this model.
        """
        own = {n: w for n, w in self.model.named_parameters() if w.requires_grad}
        if own.keys() != weights.keys() or any(own[n].shape != weights[n].shape for n in own):
            raise IntegrityError(
                "the adapter's weights are not those of this base model and these settings"
            )
        with torch.no_grad():
            for name, weight in own.items():
                weight.copy_(weights[name])

    def causal_model(self) -> "PreTrainedModel":
        """The causal language model under the adapters, adapters in effect."""
        if self.settings.parameters == "full":
            return self.model
        return self.model.get_base_model()

    def _layers(self) -> Iterator[LoraLayer]:
        return (module for module in self.model.modules() if isinstance(module, LoraLayer))
