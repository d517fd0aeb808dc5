"""Folders that are no model are refused in one line, at once; precision and device are set."""

import json

import pytest
import torch

from tests.support import architecture
from tests.workflow.clone import Clone
from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError, DataError
from workflow_scripts.common.files import write_json
from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer
from workflow_scripts.model.architecture import ArchitectureSettings, build_model, model_config
from workflow_scripts.model.loading import (
    choose_arithmetic,
    load_model,
    model_record,
    recorded_config,
    untrained_model,
)
from workflow_scripts.model.pretrained_folder import check_reference, longest_sequence
from workflow_scripts.model.reference_model import reference


@pytest.fixture
def folder(tmp_path):
    """A Pythia-shaped model with its tokenizer, as save_pretrained leaves them."""
    tokenizer = fit_tokenizer(["a small text to fit on"], 280)
    architecture("gpt_neox", vocab_size=len(tokenizer)).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def edit_config(folder, **changes):
    path = folder / "config.json"
    value = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))


def test_a_whole_folder_is_taken_and_loads(folder, tmp_path):
    check_reference(str(folder), "", 128)
    write_json(tmp_path / "model.json", reference(str(folder), ""))
    model = load_model(tmp_path / "model.json")
    assert type(model).__name__ == "GPTNeoXForCausalLM"
    assert not model.training
    assert load_model(tmp_path / "model.json", "bfloat16").dtype == torch.bfloat16


FAULTS = {
    "no config": (lambda f: (f / "config.json").unlink(), "has no config.json"),
    "broken config": (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
    "no object": (lambda f: (f / "config.json").write_text("[]"), "must hold an object, not list"),
    "encoder": (
        lambda f: edit_config(f, architectures=["BertForMaskedLM"]),
        "holds the architecture BertForMaskedLM .*allowed: a causal language model",
    ),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "holds no weights"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "holds no tokenizer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_is_no_model_is_refused_in_one_line(folder, fault):
    break_it, words = FAULTS[fault]
    break_it(folder)
    with pytest.raises(ConfigError, match=words) as caught:
        check_reference(str(folder), "", 128)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_documents_longer_than_the_model_takes_are_refused(folder):
    with pytest.raises(ConfigError, match=r"corpus.max_tokens' is 129, .* takes 128 tokens"):
        check_reference(str(folder), "", 129)
    edit_config(folder, max_position_embeddings=None)
    check_reference(str(folder), "", 129)  # no limit known
    assert longest_sequence({"n_positions": 64}) == 64


def test_a_path_that_is_no_folder_needs_a_pinned_commit(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no folder here; .*'model.pretrained.revision' \(now ''"
    ):
        check_reference(str(tmp_path / "absent"), "", 16)
    check_reference("allenai/some-model", "0" * 40, 16)


def test_an_architecture_that_transformers_does_not_know_is_one_line(folder, tmp_path):
    edit_config(folder, architectures=["OwnForCausalLM"], model_type="own")
    write_json(tmp_path / "model.json", reference(str(folder), ""))
    with pytest.raises(DataError, match=r"no model can be loaded from .*own") as caught:
        load_model(tmp_path / "model.json")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_a_gpu_that_is_not_there_is_one_line(folder, tmp_path, device):
    write_json(tmp_path / "model.json", reference(str(folder), ""))
    with pytest.raises(DataError, match=f"model.device is '{device}', but .* no CUDA GPU"):
        load_model(tmp_path / "model.json", device=device)


def test_the_flags_of_tf32_are_set_and_taken_back():
    """The gate recomputes tf32 rows in float32 in the same process, so flags must not stay."""
    assert choose_arithmetic("tf32", "cpu") == torch.float32
    assert torch.backends.cuda.matmul.allow_tf32
    assert choose_arithmetic("float32", "cpu") == torch.float32
    assert not torch.backends.cuda.matmul.allow_tf32
    assert choose_arithmetic("bfloat16", "cpu") == torch.bfloat16


def test_tf32_on_the_cpu_is_refused_by_name():
    base = {"study": "x", "benchmarks": ["b"]}
    with pytest.raises(
        ConfigError, match=r"'model\.precision' is 'tf32', but model\.device is 'cpu'"
    ):
        complete(base | {"model": {"precision": "tf32"}})
    complete(base | {"model": {"precision": "tf32", "device": "cuda"}})


@pytest.mark.slow
def test_snakemake_refuses_a_wrong_folder_before_it_plans(folder, tmp_path):
    (folder / "tokenizer.json").unlink()
    clone = Clone(tmp_path / "atlas")
    model = f"model={{source: pretrained, pretrained: {{path: {folder}}}}}"
    code, text = clone.run("--dry-run", "--config", model)
    assert code == 1
    assert text.strip().splitlines()[-1].startswith("config error: config key 'model.pretrained")
    assert "Traceback" not in text


def test_weights_that_are_no_numbers_are_named_where_the_model_is_loaded(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "dense_h_to_4h.weight" in name)
    weights[name][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(tmp_path / "model.json", reference(str(folder), ""))
    with pytest.raises(DataError, match=f"the weight {name} .* not finite"):
        load_model(tmp_path / "model.json")


def test_quantised_weights_are_refused_while_planning(folder):
    edit_config(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(ConfigError, match=r"quantised weights \(gptq\)"):
        check_reference(str(folder), "", 16)


def test_an_untrained_model_is_the_same_by_the_config_and_by_the_trained_model(tmp_path):
    """Its document pass goes by the config, its questions by the model's own file."""
    shape = ArchitectureSettings(hidden_size=32, layers=2, intermediate_size=48)
    build_model(shape, 300, 5).save_pretrained(tmp_path)
    write_json(tmp_path / "model.json", model_record("trained", "", "", {}))
    ours = untrained_model(model_config(shape, 300), 7, 1)
    other = untrained_model(recorded_config(tmp_path / "model.json"), 7, 1)
    assert all(map(torch.equal, ours.state_dict().values(), other.state_dict().values()))
    assert not torch.equal(ours.lm_head.weight, build_model(shape, 300, 7).lm_head.weight)
