"""Query rows and document scores."""

import numpy as np
import polars as pl
import pytest
import torch

from tests.support import rule_call, shard_frame, tiny_model, token_documents
from workflow_scripts.attribution import score_documents
from workflow_scripts.attribution.attribute_queries import write_rows
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.document_pass import PassSettings, RowFile, attribute
from workflow_scripts.attribution.query_rows import (
    collect_query_rows,
    fit_positions,
    load_query_rows,
    mean_rows,
    target_sequences,
    unit_query_rows,
)
from workflow_scripts.attribution.question_halves import question_halves
from workflow_scripts.attribution.sketch import write_sketch
from workflow_scripts.common.errors import IntegrityError, NumericsError
from workflow_scripts.common.files import write_json
from workflow_scripts.common.tables import read_table, write_table

P, SEED = 4, 1
MANIFEST = {"model": "m", "preconditioner": "h", "projection": {"projections": 1}, "bergson": "v"}


def queries(count=4, choices=3):
    ids = token_documents(count * choices, seed=3, shortest=8)
    tokens = [ids[start : start + choices] for start in range(0, len(ids), choices)]
    return pl.DataFrame(
        {
            "query_id": [f"t/{index}" for index in range(count)],
            "task": ["t"] * count,
            "choices": [[f" c{index}" for index in range(choices)]] * count,
            "gold": [index % choices for index in range(count)],
            "choice_input_ids": tokens,
            "choice_start": [[4] * choices] * count,
        }
    )


@pytest.fixture(scope="module")
def engine():
    return GradientEngine(tiny_model(), P, SEED)


def test_gold_target_takes_the_gold_answers_tokens():
    frame = queries()
    ids, starts, owners, weights = target_sequences(frame, "gold")
    assert ids == [frame["choice_input_ids"][row][frame["gold"][row]].to_list() for row in range(4)]
    assert starts == [4] * 4
    assert owners.tolist() == [0, 1, 2, 3]
    assert weights.tolist() == [1] * 4


def test_question_one_token_longer_than_the_model_loses_its_first_token():
    """lm-eval scores max_position_embeddings + 1 tokens, for it never feeds the last one."""
    ids, starts = fit_positions([[1, 2, 3, 4], [5, 6]], [2, 1], 3)
    assert ids == [[2, 3, 4], [5, 6]]
    assert starts == [1, 1]


def test_margin_target_is_gold_minus_the_mean_of_the_wrong_answers(engine):
    frame = queries()
    margin = collect_query_rows(engine, frame, "margin", 256)
    by_choice = torch.stack(
        [
            collect_query_rows(engine, frame.with_columns(gold=pl.lit(choice)), "gold", 256)
            for choice in range(3)
        ]
    )
    for row, gold in enumerate(frame["gold"]):
        wrong = [choice for choice in range(3) if choice != gold]
        expected = by_choice[gold, row] - by_choice[wrong, row].mean(dim=0)
        torch.testing.assert_close(margin[row], expected, atol=1e-4, rtol=1e-4)


def test_query_without_gradient_is_refused():
    roots = torch.eye(4).expand(2, 4, 4)
    raw = torch.ones(2, 2, 4)
    raw[1] = 0
    with pytest.raises(NumericsError, match="gradient of query 1 is zero"):
        unit_query_rows(raw, roots)


def test_mean_row_is_not_renormalised_and_is_nan_over_no_query():
    rows = np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(mean_rows(rows), [0.5, 0.5])
    np.testing.assert_allclose(mean_rows(rows, [True, False]), [1, 0])
    assert np.isnan(mean_rows(rows, [False, False])).all()


@pytest.fixture(scope="module")
def study(engine, tmp_path_factory):
    """Rows, sketch, queries and answers of a small study on disk."""
    folder = tmp_path_factory.mktemp("study")
    frame = shard_frame(30).sort("topic", "format")
    write_table(frame, folder / "shard.parquet", "corpus/shards")
    roots = torch.eye(P * P).expand(len(engine.modules), P * P, P * P)
    shape = (frame.height, len(engine.modules) * engine.block)
    with RowFile(folder / "rows.npy", shape, "float32") as kept:
        sums, documents = attribute(
            engine, roots, frame, PassSettings("mean", "float32", 400), kept.keep
        )
    write_sketch(folder / "sketch.npz", sums, documents, MANIFEST | {"shard": "s0000"})
    raw = collect_query_rows(engine, queries(), "gold", 256)
    write_rows(folder / "q.npy", unit_query_rows(raw, roots))
    write_rows(folder / "q.raw.npy", raw.reshape(4, -1).numpy())
    names = queries()["query_id"].to_list()
    write_json(folder / "q.json", {"query_ids": names, "tasks": ["t"] * 4, "manifest": MANIFEST})
    return folder


def score(folder, correct, **changed):
    answers = pl.DataFrame(
        {
            "query_id": ["t/3", "t/1", "t/0", "t/2"],
            "loglikelihoods": [[-1.0, -2.0, -3.0]] * 4,
            "predicted": [0] * 4,
            "correct": correct,
            "margin": [0.0] * 4,
        }
    )
    write_table(answers, folder / "answers.parquet", "benchmarks/answers")
    inputs = {
        "rows": [str(folder / "rows.npy")],
        "sketches": [str(folder / "sketch.npz")],
        "shards": [str(folder / "shard.parquet")],
        "queries": str(folder / "q.npy"),
        "order": str(folder / "q.json"),
        "answers": str(folder / "answers.parquet"),
    }
    output = {"scores": folder / "scores.parquet"}
    score_documents.main(rule_call("score_documents", input=inputs | changed, output=output))
    return read_table(folder / "scores.parquet", "attribution/scores")


def test_document_scores_are_mean_cosines_split_by_correctness(study):
    table = score(study, [True, False, False, True])  # t/3 and t/2 are right
    rows, targets = np.load(study / "rows.npy"), np.load(study / "q.npy")
    cosines = rows.astype(np.float64) @ targets.T
    order = read_table(study / "shard.parquet", "corpus/shards")["doc_id"].to_list()
    expected = dict(zip(order, cosines, strict=True))
    for row in table.iter_rows(named=True):
        values = expected[row["doc_id"]]
        assert abs(row["score"] - values.mean()) < 1e-6
        assert abs(row["score_correct"] - values[[2, 3]].mean()) < 1e-6
        assert abs(row["score_incorrect"] - values[[0, 1]].mean()) < 1e-6


def test_document_scores_on_halves_average_to_the_score(study):
    table = score(study, [True, False, False, True])
    mean = (table["score_a"] + table["score_b"]) / 2
    np.testing.assert_allclose(mean, table["score"], atol=1e-6)
    assert (table["score_a"] - table["score_b"]).abs().max() > 1e-3


def test_halves_keep_tasks_together_and_are_the_same_for_the_same_questions():
    tasks = [f"t{i % 7}" for i in range(210)]
    halves = question_halves(tasks)
    assert all(len({h for h, t in zip(halves, tasks, strict=True) if t == name}) == 1
               for name in set(tasks))  # fmt: skip
    assert sorted(np.bincount(halves)) == [90, 120]
    np.testing.assert_array_equal(halves, question_halves(tasks))
    assert np.bincount(question_halves(["one"] * 120)).tolist() == [60, 60]


def test_score_over_no_wrong_answer_is_null(study):
    table = score(study, [True] * 4)
    assert table["score_incorrect"].null_count() == table.height
    np.testing.assert_allclose(table["score"], table["score_correct"])


def test_rows_made_with_another_preconditioner_are_refused(study, tmp_path):
    names = queries()["query_id"].to_list()
    for source in ("q.npy", "q.raw.npy"):
        (tmp_path / source).write_bytes((study / source).read_bytes())
    manifest = MANIFEST | {"preconditioner": "other"}
    write_json(tmp_path / "q.json", {"query_ids": names, "tasks": ["t"] * 4, "manifest": manifest})
    with pytest.raises(IntegrityError, match=r"sketch.npz was made with preconditioner h"):
        score(study, [True] * 4, queries=str(tmp_path / "q.npy"))


def test_cosine_and_dot_query_rows_come_from_the_raw_gradients(study):
    raw = np.load(study / "q.raw.npy")
    np.testing.assert_array_equal(load_query_rows(study / "q.npy", "dot").rows, raw)
    cosine = load_query_rows(study / "q.npy", "cosine").rows
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(cosine, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="unknown variant 'other'"):
        load_query_rows(study / "q.npy", "other")
