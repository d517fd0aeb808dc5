"""Folders that cannot be the model they are said to be, found from names and headers alone."""

import json
import shutil
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support import architecture
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer
from workflow_scripts.model.pretrained_folder import check_query_reference, check_reference
from workflow_scripts.model.weights import loaded_weights, read_header

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 456\n"
WHOLE = "model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A Llama-shaped model with its tokenizer, as save_pretrained leaves them."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    tokenizer = fit_tokenizer(["a small text to fit on"], 280)
    architecture("llama", vocab_size=len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


@pytest.fixture
def sharded(saved, tmp_path):
    """The same model in two files with their index."""
    folder = shutil.copytree(saved, tmp_path / "sharded")
    weights = load_file(folder / WHOLE)
    (folder / WHOLE).unlink()
    names = sorted(weights)
    parts = {"model-00001-of-00002": names[::2], "model-00002-of-00002": names[1::2]}
    for part, held in parts.items():
        save_file({name: weights[name] for name in held}, folder / f"{part}.safetensors")
    where = {name: f"{part}.safetensors" for part, held in parts.items() for name in held}
    index = {"metadata": {}, "weight_map": where}
    (folder / f"{WHOLE}.index.json").write_text(json.dumps(index))
    return folder


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-100])


def adapter(folder):
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    save_file({"base_model.a.lora_A.weight": torch.zeros(2)}, folder / "adapter_model.safetensors")


def only(folder, *names):
    """Leave no weights but files of these names, which hold nothing that is a model."""
    (folder / WHOLE).unlink()
    for name in names:
        (folder / name).write_bytes(b"x")


FAULTS = {
    "pointer": (lambda f: (f / WHOLE).write_text(POINTER), "pointer file of Git LFS.*git lfs pull"),
    "pointer of git-annex": (
        lambda f: (f / WHOLE).write_text("/annex/objects/SHA256E-s1--0.safetensors\n"),
        "pointer file of git-annex",
    ),
    "pointer as tokenizer": (
        lambda f: (f / "tokenizer.json").write_text(POINTER),
        "tokenizer.json is a pointer file",
    ),
    "pointer as config": (
        lambda f: (f / "config.json").write_text(POINTER),
        "config.json is a pointer file",
    ),
    "cut off": (lambda f: cut_off(f / WHOLE), "bytes, but its header says"),
    "empty": (lambda f: (f / WHOLE).write_bytes(b""), "is damaged"),
    "no safetensors": (lambda f: (f / WHOLE).write_bytes(b"x" * 400), "is damaged"),
    "adapter beside": (adapter, "adapter .* beside whole weights .*move the adapter_"),
    "adapter alone": (
        lambda f: (adapter(f), (f / WHOLE).unlink()),
        "it is an adapter alone .*merge it into its base model",
    ),
    "trainer's files": (
        lambda f: only(f, "training_args.bin", "optimizer.pt"),
        "optimizer.pt, training_args.bin is not that",
    ),
    "other formats": (lambda f: only(f, "model.gguf"), "model.gguf is not that"),
    "empty pickle": (
        lambda f: (only(f), (f / "pytorch_model.bin").touch()),
        "pytorch_model.bin is empty",
    ),
    "no tokenizer in it": (
        lambda f: (f / "tokenizer.json").write_text("{}"),
        "tokenizer.json is no tokenizer",
    ),
}

SHARD = "model-00002-of-00002.safetensors"
SHARD_FAULTS = {
    "shard gone": (lambda f: (f / SHARD).unlink(), f"lacks 1 of the 2 weight files .*{SHARD}"),
    "pointer as shard": (lambda f: (f / SHARD).write_text(POINTER), f"{SHARD} is a pointer file"),
    "shard cut off": (lambda f: cut_off(f / SHARD), f"{SHARD} has .* bytes"),
    "no index": (
        lambda f: (f / f"{WHOLE}.index.json").unlink(),
        "one of several, and their index .model.safetensors.index.json. is missing",
    ),
    "pointer as index": (
        lambda f: (f / f"{WHOLE}.index.json").write_text(POINTER),
        "index.json is a pointer file",
    ),
    "broken index": (
        lambda f: (f / f"{WHOLE}.index.json").write_text("{}"),
        "is no index of weight files",
    ),
}


def refused(folder, words):
    with pytest.raises(ConfigError, match=words) as caught:
        check_reference(str(folder), "", 128)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_is_not_whole_is_refused_in_one_line(folder, fault):
    break_it, words = FAULTS[fault]
    break_it(folder)
    refused(folder, words)


@pytest.mark.parametrize("fault", SHARD_FAULTS)
def test_shards_that_are_not_whole_are_refused_in_one_line(sharded, fault):
    break_it, words = SHARD_FAULTS[fault]
    break_it(sharded)
    refused(sharded, words)


def test_what_would_be_loaded_is_what_is_looked_at(folder, sharded):
    """As transformers: the whole file before shards, and no other file of weights."""
    assert [path.name for path in loaded_weights(sharded)] == [
        "model-00001-of-00002.safetensors",
        SHARD,
    ]
    check_reference(str(sharded), "", 128)
    for name in ("training_args.bin", "optimizer.bin", "notes.safetensors"):
        (folder / name).write_bytes(b"x")
    assert [path.name for path in loaded_weights(folder)] == [WHOLE]
    check_reference(str(folder), "", 128)
    header = read_header(folder / WHOLE)
    expected = {name: tuple(value.shape) for name, value in load_file(folder / WHOLE).items()}
    assert {name: shape for name, (_, shape) in header.items()} == expected


def test_a_header_longer_than_its_file_is_damage(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(ConfigError, match="is damaged"):
        read_header(path)


def edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def add_token(folder, content, special):
    def change(value):
        entry = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        entry |= {"id": rows_of(folder), "content": content, "special": special}
        value["added_tokens"].append(entry)

    edit(folder / "tokenizer.json", change)


def rows_of(folder):
    return json.loads((folder / "config.json").read_text())["vocab_size"]


def test_a_token_of_a_text_outside_the_model_is_refused_while_planning(folder):
    add_token(folder, "kettle stays", special=False)
    refused(folder, rf"'kettle stays' with id {rows_of(folder)} .*0 to {rows_of(folder) - 1}")


def test_a_vocabulary_larger_than_the_model_is_refused_while_planning(folder):
    edit(folder / "config.json", lambda value: value.update(vocab_size=270))
    refused(folder, r"token.* that a text can hold .*with id 270")


def test_an_unused_padding_token_outside_the_model_is_fine(folder):
    add_token(folder, "[PAD]", special=True)
    check_reference(str(folder), "", 128)


def test_a_query_model_of_another_shape_or_other_tokens_is_refused(folder, saved, tmp_path):
    check_query_reference(str(folder), "", str(saved))
    add_token(folder, "<|im_start|>", special=True)  # tokens of a chat
    check_query_reference(str(folder), "", str(saved))

    def swap(value):
        vocabulary = value["model"]["vocab"]
        vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]

    other = shutil.copytree(saved, tmp_path / "other")
    edit(other / "tokenizer.json", swap)
    with pytest.raises(ConfigError, match=r"'model.query.path': 2 tokens .*such as 'a' \(id"):
        check_query_reference(str(other), "", str(saved))
    edit(other / "config.json", lambda value: value.update(hidden_size=64))
    with pytest.raises(ConfigError, match=r"hidden_size 64, the study's model 32"):
        check_query_reference(str(other), "", str(saved))
    (other / WHOLE).unlink()
    with pytest.raises(ConfigError, match=r"'model.query.path': the folder .* holds no weights"):
        check_query_reference(str(other), "", str(saved))
    with pytest.raises(ConfigError, match=r"'model.query.revision' \(now ''\)"):
        check_query_reference("org/name", "", str(saved))
