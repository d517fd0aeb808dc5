"""A pretrained model is checked on headers and shapes: weights, layers, tokens, query models."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers.processors import TemplateProcessing

from tests.support import architecture, rule_call
from workflow_scripts.common.errors import AtlasError, ConfigError, DataError
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer, special_tokens
from workflow_scripts.model import check_model
from workflow_scripts.model.loading import load_model
from workflow_scripts.model.reference_model import reference
from workflow_scripts.model.weight_fit import load_shapes

WHOLE = "model.safetensors"
MARKS = ("<s>", "</s>", "[CLS]", "[SEP]")
LAYER = "model.layers.1.mlp.up_proj.weight"


def tokenizer(template="$A", **names):
    """A small tokenizer with four special tokens, of which a template may add some."""
    made = fit_tokenizer(["a small text to fit on, and a text of words"], 300)
    made.add_special_tokens({"additional_special_tokens": list(MARKS)})
    numbers = [(mark, made.convert_tokens_to_ids(mark)) for mark in MARKS]
    made._tokenizer.post_processor = TemplateProcessing(single=template, special_tokens=numbers)
    return made


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A Llama-shaped model whose output layer is tied, with its tokenizer."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    own = tokenizer()
    architecture("llama", vocab_size=len(own)).save_pretrained(folder)
    own.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def check(folder, document=None, max_tokens=128, **named):
    """The rule's own main; returns check.json."""
    inputs = {}
    for name, path in {"record": folder, "document_record": document}.items():
        if path:
            inputs[name] = f"{path}.{name}.json"
            write_json(inputs[name], reference(str(path), ""))
    output = {"check": folder.parent / "check.json"}
    params = {"max_tokens": max_tokens, **named}
    call = rule_call("check_model", input=inputs, output=output, params=params)
    check_model.main(call)
    return read_json(output["check"])


def test_what_was_found_is_written_down(folder, saved):
    facts = check(folder)
    model = architecture("llama", vocab_size=len(tokenizer()))
    assert facts["architecture"] == "LlamaForCausalLM"
    assert facts["parameters"] == model.num_parameters()
    assert facts["tied"] == {"lm_head.weight": "model.embed_tokens.weight"}
    assert facts["layers"] == {"linear": 14, "tried": True}
    assert facts["tokens"]["of_model"] == facts["tokens"]["of_tokenizer"] == len(tokenizer())
    assert facts["tokens"]["in_front"] == facts["tokens"]["left_out_behind"] == []


def rename(folder, change):
    """Write the weights again under the names that ``change`` gives (None drops one)."""
    weights = load_file(folder / WHOLE)
    kept = {change(name): value for name, value in weights.items() if change(name)}
    save_file(kept, folder / WHOLE, {"format": "pt"})


def reshape(folder, name, change):
    weights = load_file(folder / WHOLE)
    save_file(
        weights | {name: change(weights[name]).contiguous()}, folder / WHOLE, {"format": "pt"}
    )


def as_pickle(folder, drop=()):
    weights = {k: v for k, v in load_file(folder / WHOLE).items() if k not in drop}
    (folder / WHOLE).unlink()
    torch.save(weights, folder / "pytorch_model.bin")


FAULTS = {
    "compiled": (
        lambda f: rename(f, lambda name: f"_orig_mod.{name}"),
        "21 weights of the architecture are missing .*begin with '_orig_mod.'",
    ),
    "wrapped": (lambda f: rename(f, lambda name: f"module.{name}"), "begin with 'module.'"),
    "a layer gone": (
        lambda f: rename(f, lambda name: None if ".layers.1." in name else name),
        "9 weights of the architecture are missing .model.layers.1.input_layernorm.weight",
    ),
    "one weight gone": (
        lambda f: rename(f, lambda name: None if name == LAYER else name),
        f"1 weights of the architecture are missing .{LAYER}.",
    ),
    "the embedding gone": (
        lambda f: rename(f, lambda name: None if "embed" in name else name),
        "are missing .*model.embed_tokens.weight",
    ),
    "a layer too many": (
        lambda f: edit_config(f, num_hidden_layers=1),
        "9 belong to no part of it .model.layers.1",
    ),
    "transposed": (
        lambda f: reshape(f, LAYER, torch.Tensor.t),
        rf"1 have another shape .{LAYER}: \(32, 64\) in the file, \(64, 32\) in the model",
    ),
    "fewer tokens": (
        lambda f: edit_config(f, vocab_size=rows_of(f) + 5),
        "have another shape .model.embed_tokens.weight",
    ),
    "pickle with a weight gone": (
        lambda f: as_pickle(f, [LAYER]),
        f"1 weights of the architecture are missing .{LAYER}.",
    ),
}


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rows_of(folder):
    return json.loads((folder / "config.json").read_text())["vocab_size"]


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_are_not_those_of_the_architecture_are_refused(folder, tmp_path, fault):
    """By the rule, and again where the model is loaded."""
    break_it, words = FAULTS[fault]
    break_it(folder)
    with pytest.raises(DataError, match=words) as caught:
        check(folder)
    assert "\n" not in str(caught.value)
    write_json(tmp_path / "model.json", reference(str(folder), ""))
    with pytest.raises(DataError, match=words):
        load_model(tmp_path / "model.json")


def test_a_whole_pickle_and_weights_that_transformers_ignores_are_fine(folder):
    weights = load_file(folder / WHOLE)
    old = weights | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(4)}
    save_file(old, folder / WHOLE, {"format": "pt"})
    check(folder)
    as_pickle(folder)
    assert check(folder)["tensors"] == 20


def test_only_headers_are_read(folder, monkeypatch):
    """The weights of a model of 7 billion are 14 GB; their headers a few kilobytes."""
    whole = (folder / WHOLE).read_bytes()
    length = 8 + int.from_bytes(whole[:8], "little")
    with (folder / WHOLE).open("r+b") as handle:
        handle.truncate(length)
        handle.truncate(len(whole))  # a hole in the place of the weights
    model, info = load_shapes(str(folder), "")
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert {weight.device.type for weight in model.parameters()} == {"meta"}


@pytest.mark.slow
def test_an_adapter_on_top_is_refused_where_the_model_is_loaded(folder, tmp_path):
    from peft import LoraConfig, get_peft_model

    write_json(tmp_path / "model.json", reference(str(folder), ""))
    model = load_model(tmp_path / "model.json")
    adapted = get_peft_model(
        model, LoraConfig(target_modules=["up_proj"], base_model_name_or_path=str(folder))
    )
    adapted.save_pretrained(folder)
    with pytest.raises(DataError, match=r"holds an adapter .* applied on top"):
        load_model(tmp_path / "model.json")


TEMPLATES = {
    "nothing": ("$A", [], []),
    "BOS": ("<s> $A", ["<s>"], []),
    "EOS": ("$A </s>", [], ["</s>"]),
    "both": ("<s> $A </s>", ["<s>"], ["</s>"]),
    "as BERT": ("[CLS] $A [SEP]", ["[CLS]"], ["[SEP]"]),
    "two in front": ("[CLS] <s> $A", ["[CLS]", "<s>"], []),
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_the_tokenizer_adds_to_every_text_is_known(folder, template, caplog):
    words, front, back = TEMPLATES[template]
    own = tokenizer(words)
    own.save_pretrained(folder)
    with caplog.at_level("INFO", logger="atlas"):
        tokens = check(folder)["tokens"]
    assert [each["token"] for each in tokens["in_front"]] == front
    assert [each["token"] for each in tokens["left_out_behind"]] == back
    assert [each["id"] for each in tokens["in_front"]] == list(special_tokens(own).front)
    assert ("left out of documents and questions alike" in caplog.text) == bool(back)


def test_ids_of_a_text_outside_the_model_are_refused_but_not_an_unused_one(folder, tmp_path):
    """Here the model has no row for the last special token."""
    own = tokenizer("<s> $A")
    own.add_special_tokens({"pad_token": "[PAD]"})
    own.save_pretrained(folder)
    tokens = check(folder)["tokens"]
    assert (tokens["of_tokenizer"], tokens["of_model"]) == (len(own), len(own) - 1)
    assert tokens["pad_token"] == len(own) - 1
    assert tokens["largest_of_a_text"] < tokens["of_model"]
    own.add_tokens(["kettle stays"])
    own.save_pretrained(folder)
    with pytest.raises(ConfigError, match="'kettle stays' with id"):
        check(folder)


def test_documents_longer_than_the_model_are_refused(folder):
    with pytest.raises(ConfigError, match=r"corpus.max_tokens' is 129, .* takes 128 tokens"):
        check(folder, max_tokens=129)


def test_a_query_model_must_be_like_the_model_of_the_documents(folder, saved, tmp_path):
    assert "tokens" not in check(folder, saved)
    other = tmp_path / "qwen"
    architecture("qwen2", vocab_size=len(tokenizer())).save_pretrained(other)
    assert check(other, saved)["layers"]["linear"] == 14
    architecture("qwen2", vocab_size=len(tokenizer()) + 1).save_pretrained(other)
    with pytest.raises(DataError, match="tokens, the study's model has"):
        check(other, saved)
    architecture("gpt_neox", vocab_size=len(tokenizer())).save_pretrained(other)
    with pytest.raises(DataError, match="8 linear layers, the study's model has 14"):
        check(other, saved)
    with pytest.raises(DataError, match=r"'model.siblings.path' names .* 8 linear layers"):
        check(other, saved, key="model.siblings.path")


def test_a_mixture_of_experts_is_refused_before_its_weights_are_read(tmp_path):
    from transformers import MixtralConfig, MixtralForCausalLM

    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "num_local_experts": 2}
    folder = tmp_path / "experts"
    MixtralForCausalLM(MixtralConfig(vocab_size=50, **shape, **heads)).save_pretrained(folder)
    with pytest.raises(AtlasError, match="mixtures of experts") as caught:
        check(folder)
    assert "\n" not in str(caught.value)
