"""Halves of the questions: split by task, and the share of an excess on the other half."""

import numpy as np
import polars as pl
import pytest

from workflow_scripts.attribution.question_halves import question_halves
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.unlearning.effects.halves import SELECTION, kept_excess


def test_halves_are_as_large_and_depend_on_the_questions_alone():
    halves = question_halves(["one"] * 121)
    assert sorted(np.bincount(halves)) == [60, 61]
    assert (halves == question_halves(["another"] * 121)).all()


def test_questions_of_a_task_or_passage_stay_in_one_half():
    """Questions of a subject are alike: one that chose must not be asked by its neighbour."""
    tasks = [f"t{i}" for i in range(12) for _ in range(10 + i)]
    passages = [f"p{i // 3}" for i in range(len(tasks))]
    for labels, halves in (
        (tasks, question_halves(tasks)),
        (passages, question_halves(["one"] * len(tasks), passages)),
    ):
        for label in set(labels):
            assert len({h for t, h in zip(labels, halves, strict=True) if t == label}) == 1
        assert abs(np.bincount(halves)[0] - np.bincount(halves)[1]) <= 21


def scores(signal, noise=1.0, count=4000):
    rng = stream(2, "halves", signal)
    shared = signal * rng.normal(size=count)
    columns = {f"score_{half}": shared + noise * rng.normal(size=count) for half in "ab"}
    return pl.DataFrame({"doc_id": [f"d{i:04d}" for i in range(count)], "topic": "t"} | columns)


@pytest.mark.parametrize(("signal", "kept"), [(0.0, 0.0), (1.0, 0.5), (3.0, 0.9)])
def test_the_excess_that_stays_is_the_share_of_it_that_is_no_chance(tmp_path, signal, kept):
    """Of equal signal and noise, half: regression to the mean."""
    rows = kept_excess(scores(signal), "x", "t", 200)
    assert [row["half"] for row in rows] == ["a", "b"]
    for row in rows:
        assert row["kept"] == pytest.approx(kept, abs=0.06)
        assert row["excess_own"] > 1 and (row["n_documents"], row["n_topic"]) == (200, 4000)
    frame = pl.DataFrame(rows, schema=SELECTION, orient="row")
    write_table(frame, tmp_path / "selection.parquet", "unlearning/selection")


def test_documents_without_any_excess_keep_none_that_could_be_named():
    same = scores(1.0).with_columns(score_a=0.5, score_b=0.5)
    assert [row["kept"] for row in kept_excess(same, "x", "t", 10)] == [None, None]
