"""Our scores against those of bergson's own commands, on the same model, rows and moments."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from bergson.config import IndexConfig
from bergson.data import load_scores
from bergson.utils.worker_utils import processor_for
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from tests.support import VOCABULARY, tiny_model, token_documents
from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences
from workflow_scripts.attribution.whitening import inverse_root, unit, whiten

P, SEED, TOKENS = 4, 1, 128


def bergson(*words, folder):
    """Run one of the library's commands in ``folder``."""
    command = [sys.executable, "-m", "bergson", *map(str, words)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]


def save_model(model, folder):
    model.save_pretrained(folder)
    vocabulary = {f"w{index}": index for index in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)


def save_rows(sequences, folder):
    columns = {
        "input_ids": sequences.input_ids,
        "labels": sequences.labels() or sequences.input_ids,
        "length": [len(ids) for ids in sequences.input_ids],
    }
    Dataset.from_dict(columns).save_to_disk(str(folder))


@pytest.mark.slow
def test_bergsons_own_score_command_agrees(tmp_path):
    model = tiny_model()
    save_model(model, tmp_path / "model")
    documents = Sequences(token_documents(60, seed=4))
    queries = Sequences(token_documents(5, seed=5, shortest=8), [4, 5, 6, 7, 5])
    save_rows(documents, tmp_path / "documents")
    save_rows(queries, tmp_path / "queries")

    engine = GradientEngine(model, P, SEED)
    moments, _ = preconditioner.fit(
        engine, documents.input_ids, reduction="sum", damping=0.1, tokens_per_batch=TOKENS
    )
    roots = inverse_root(moments, 0.1)
    rows = {}
    for name, sequences in {"documents": documents, "queries": queries}.items():
        raw = torch.zeros(len(sequences.input_ids), len(engine.modules), engine.block)
        engine.stream(sequences, raw.__setitem__, TOKENS)
        rows[name] = unit(whiten(raw, roots)).numpy()
    ours = rows["documents"] @ rows["queries"].T

    shared = ["--model", "./model", "--projection_dim", P, "--projection_seed", SEED]
    shared += ["--token_batch_size", TOKENS, "--nproc_per_node", 1, "--loss_reduction", "sum"]
    config = IndexConfig(run_path="x", projection_dim=P, projection_seed=SEED)
    processor = processor_for(config)
    processor.hessians = dict(zip(engine.modules, moments, strict=True))
    processor.save(tmp_path / "hessian")
    normal = ["--unit_normalize", "--hessian_path", "hessian"]
    bergson("build", "query", "--dataset", "queries", *shared, *normal, folder=tmp_path)
    bergson(
        *["score", "scores", "--dataset", "documents", "--query_path", "query"],
        *shared,
        *normal,
        folder=tmp_path,
    )
    theirs = np.asarray(load_scores(tmp_path / "scores")[:])
    assert theirs.shape == ours.shape
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(ours).max()
