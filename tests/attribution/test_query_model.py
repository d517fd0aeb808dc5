"""Questions asked of another model than the one whose documents are attributed."""

import numpy as np
import polars as pl
import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from tests.support import VOCABULARY, rule_call, tiny_model, token_documents
from workflow_scripts.attribution import attribute_queries, preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.query_rows import collect_query_rows, unit_query_rows
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.tables import write_table
from workflow_scripts.model.reference_model import reference

P, SEED, QUESTIONS, CHOICES = 4, 1, 4, 3


def queries():
    ids = token_documents(QUESTIONS * CHOICES, seed=3, shortest=8)
    tokens = [ids[start : start + CHOICES] for start in range(0, len(ids), CHOICES)]
    texts = [[f" c{choice}" for choice in range(CHOICES)]] * QUESTIONS
    gold = [index % CHOICES for index in range(QUESTIONS)]
    return pl.DataFrame(
        {
            "query_id": [f"t/{index}" for index in range(QUESTIONS)],
            "task": ["t"] * QUESTIONS,
            "prompt": ["q"] * QUESTIONS,
            "choices": texts,
            "gold": gold,
            "target": [f" c{choice}" for choice in gold],
            "choice_input_ids": tokens,
            "choice_start": [[4] * CHOICES] * QUESTIONS,
        }
    )


def save(model, folder):
    """A model folder and the record that points to it."""
    model.save_pretrained(folder)
    write_json(f"{folder}.json", reference(str(folder), ""))
    return f"{folder}.json"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A document model with its preconditioner, and the questions."""
    folder = tmp_path_factory.mktemp("query_model")
    record = save(tiny_model(0), folder / "base")
    engine = GradientEngine(tiny_model(0), P, SEED)
    moments, stability = preconditioner.fit(
        engine, token_documents(40), reduction="mean", damping=0.1, tokens_per_batch=400
    )
    files = folder / "moments.safetensors", folder / "settings.json"
    preconditioner.write(files[0], engine, moments)
    settings = preconditioner.settings_record(
        engine, read_json(record)["digest"], "mean", 0.1, stability
    )
    digest = preconditioner.manifest_of(files[0], settings)["preconditioner"]
    write_json(files[1], settings | {"digest": digest})
    write_table(queries(), folder / "queries.parquet", "benchmarks/queries")
    return folder


def run(study, folder, query_record=None):
    """The rule's own main; returns (rows, raw rows, order)."""
    inputs = {
        "queries": str(study / "queries.parquet"),
        "moments": str(study / "moments.safetensors"),
        "settings": str(study / "settings.json"),
        "record": str(study / "base.json"),
    }
    if query_record:
        inputs["query_record"] = query_record
    output = {"rows": folder / "q.npy", "raw": folder / "q.raw.npy", "order": folder / "q.json"}
    call = rule_call("attribute_queries", input=inputs, output=output)
    call.params.__dict__.update(
        precision="float32",
        device="cpu",
        projection_dim=P,
        seed_projection=SEED,
        projections=1,
        target="gold",
        tokens_per_batch=256,
    )
    attribute_queries.main(call)
    return np.load(output["rows"]), np.load(output["raw"]), read_json(output["order"])


def test_rows_are_those_of_the_query_model_and_their_cosine_is_reported(study, tmp_path):
    own, _, plain = run(study, tmp_path)
    assert "query_model" not in plain
    record = save(tiny_model(7), tmp_path / "tuned")
    rows, raw, order = run(study, tmp_path, record)
    expected = collect_query_rows(GradientEngine(tiny_model(7), P, SEED), queries(), "gold", 256)
    fitted = preconditioner.load(study / "moments.safetensors", study / "settings.json")
    np.testing.assert_array_equal(raw, expected.reshape(QUESTIONS, -1).numpy())
    np.testing.assert_array_equal(rows, unit_query_rows(expected, fitted.roots))
    cosines = (own.astype(float) * rows).sum(axis=1)
    np.testing.assert_allclose(order["query_model"]["cosines"], cosines, atol=1e-6)
    assert abs(order["query_model"]["mean_cosine"] - cosines.mean()) < 1e-6
    assert np.abs(cosines).max() < 0.9
    assert order["query_model"]["digest"] == read_json(record)["digest"]
    # The rows still belong with documents of the study's own model.
    assert order["manifest"] == plain["manifest"]


def test_the_same_model_as_query_model_changes_nothing(study, tmp_path):
    own, raw, _ = run(study, tmp_path)
    same, same_raw, order = run(study, tmp_path, str(study / "base.json"))
    np.testing.assert_array_equal(own, same)
    np.testing.assert_array_equal(raw, same_raw)
    np.testing.assert_allclose(order["query_model"]["cosines"], 1, atol=1e-6)


def llama(layers, vocabulary):
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=128,
    )
    return LlamaForCausalLM(config)


@pytest.mark.parametrize(
    ("layers", "vocabulary", "words"),
    [(3, VOCABULARY, "21 linear layers"), (2, VOCABULARY + 1, "102 tokens")],
)
def test_query_model_of_another_kind_is_refused_by_key(study, tmp_path, layers, vocabulary, words):
    record = save(llama(layers, vocabulary), tmp_path / "other")
    with pytest.raises(IntegrityError, match=rf"'model\.query\.path' names .* with {words}"):
        run(study, tmp_path, record)
