"""Facts of a pretrained model that later stages rest on: weights, linear layers and tokens."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workflow_scripts.common.errors import ConfigError, DataError, first_line
from workflow_scripts.corpus.tokens.tokenizer import special_tokens
from workflow_scripts.model.layers import check_layers, linear_shapes
from workflow_scripts.model.pretrained_folder import longest_sequence
from workflow_scripts.model.vocabulary import refuse_outside

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

logger = logging.getLogger("atlas")


def weight_facts(model: "PreTrainedModel") -> dict[str, Any]:
    """Architecture, number of weights and of tensors, and the tied ones by their source."""
    return {
        "architecture": type(model).__name__,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "tensors": len(list(model.parameters())),
        "tied": dict(sorted(getattr(model, "all_tied_weights_keys", {}).items())),
    }


def layer_facts(model: "PreTrainedModel") -> dict[str, Any]:
    """Number of linear layers, and whether two tokens could be run without values.

    Raises:
        ConfigError: the layers are not such that gradients can be read of them.
    """
    layers = list(linear_shapes(model))
    try:
        check_layers(model, layers)
    except ConfigError:
        raise
    except Exception as error:
        # Some architectures look at values as they run; those are tried when they are loaded.
        logger.warning(
            "%s cannot be run without its weights (%s); its layers are tried when it is loaded",
            type(model).__name__,
            first_line(error),
        )
        return {"linear": len(layers), "tried": False}
    return {"linear": len(layers), "tried": True}


def token_facts(
    tokenizer: "PreTrainedTokenizerFast", model: "PreTrainedModel", path: str
) -> dict[str, Any]:
    """Tokens of tokenizer and model, and those that are put in front of and behind every text.

    Raises:
        ConfigError: a text can have an id that the model does not have.
    """
    added, rows = special_tokens(tokenizer), embedding_rows(model)
    usable = usable_tokens(tokenizer, added.front)
    refuse_outside(usable.items(), rows, "config key 'model.pretrained.path'", path)

    def named(ids: Sequence[int]) -> list[dict[str, Any]]:
        return [{"id": each, "token": tokenizer.convert_ids_to_tokens(each)} for each in ids]

    return {
        "of_model": rows,
        "of_tokenizer": len(tokenizer),
        "largest_of_a_text": max(usable.values()),
        "in_front": named(added.front),
        "left_out_behind": named(added.back),
        **{
            name: getattr(tokenizer, f"{name}_id")
            for name in ("bos_token", "eos_token", "pad_token")
        },
    }


def embedding_rows(model: "PreTrainedModel") -> int:
    """Tokens that the model has embeddings of."""
    return model.get_input_embeddings().weight.shape[0]


def usable_tokens(tokenizer: "PreTrainedTokenizerFast", front: Sequence[int]) -> dict[str, int]:
    """Ids that a text can be given, by token: all but special ones that are never put in front."""
    special = {
        number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special and number not in front
    }
    return {token: each for token, each in tokenizer.get_vocab().items() if each not in special}


def check_positions(config: Any, max_tokens: int, path: str) -> None:
    """Refuse documents longer than the model takes.

    Raises:
        ConfigError: ``corpus.max_tokens`` is above the model's longest sequence.
    """
    positions = longest_sequence(config)
    if positions is not None and positions < max_tokens:
        raise ConfigError(
            f"config key 'corpus.max_tokens' is {max_tokens}, but the model in {path} takes "
            f"{positions} tokens (its config.json); lower the key"
        )


def check_alike(
    model: "PreTrainedModel",
    document_model: "PreTrainedModel",
    path: str,
    key: str = "model.query.path",
) -> None:
    """Refuse a model, named under ``key``, whose rows are not like those of the study's model.

    Raises:
        DataError: linear layers or number of tokens differ from the study's model.
    """
    pairs = {
        "linear layers": (linear_shapes(model), linear_shapes(document_model)),
        "tokens": (embedding_rows(model), embedding_rows(document_model)),
    }
    for name, (other, own) in pairs.items():
        if other != own:
            counts = [each if isinstance(each, int) else len(each) for each in (other, own)]
            raise DataError(
                f"config key {key!r} names {path!r} with {counts[0]} {name}, the "
                f"study's model has {counts[1]}, and names and shapes must be the same; take a "
                "model that was tuned from it"
            )
