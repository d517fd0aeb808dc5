"""Within one adapter: do questions lose as the forgotten documents support them?"""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.unlearning.test_unlearning_rules import write_run
from workflow_scripts.benchmarks.question_clusters import question_clusters
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import write_json
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.unlearning.dose_response import estimate_dose_response
from workflow_scripts.unlearning.dose_response.dose_response import (
    adapter_row,
    partial_spearman,
    pooled_row,
    problem,
    respond,
    spearman_parts,
)


def pair(rng, n, r):
    x, y = rng.standard_normal((2, n))
    return x, r * x + np.sqrt(1 - r**2) * y


@pytest.mark.parametrize("ties", [False, True])
def test_influences_are_those_of_leaving_a_question_out(ties):
    x, y = pair(np.random.default_rng(1), 200, 0.6)
    if ties:
        x, y = np.round(x), np.round(2 * y)
    r, parts = spearman_parts(x, y)
    assert r == pytest.approx(stats.spearmanr(x, y).statistic)
    keep = ~np.eye(200, dtype=bool)
    left = np.array([stats.spearmanr(x[k], y[k]).statistic for k in keep])
    assert np.corrcoef(parts, 199 * (r - left))[0, 1] > 0.995
    jackknife = 199 * left.var()
    assert np.sum(parts**2) / 200**2 == pytest.approx(jackknife, rel=0.05)


def test_a_task_is_one_draw_where_there_are_six():
    rng = np.random.default_rng(2)
    clusters = question_clusters([f"task{i % 6}" for i in range(120)])
    x, y = (np.repeat(rng.standard_normal((1, 6)), 20, axis=0).ravel() for _ in range(2))
    x, y = x + 0.1 * rng.standard_normal(120), y + 0.1 * rng.standard_normal(120)
    together, alone = (adapter_row(respond(x, y, c), 0.95) for c in (clusters, np.arange(120)))
    assert together["n_clusters"] == 6
    width = {name: row["ci_high"] - row["ci_low"] for name, row in
             (("together", together), ("alone", alone))}  # fmt: skip
    assert width["together"] > 2 * width["alone"]


def test_the_interval_says_what_p_says():
    rng = np.random.default_rng(3)
    for r in (0.05, 0.18, 0.3):
        row = adapter_row(respond(*pair(rng, 120, r), np.arange(120)), 0.95)
        assert (row["p_value"] < 0.05) == (row["ci_low"] > 0 or row["ci_high"] < 0)


def test_questions_of_all_topics_are_the_same_and_their_error_stays():
    """Ten topics that agree perfectly are no ten draws of questions."""
    x, y = pair(np.random.default_rng(4), 60, 0.5)
    one = respond(x, y, np.arange(60))
    row, alone = pooled_row([[one]] * 10, 0.95), adapter_row(one, 0.95)
    assert row["n_topics"] == 10
    assert row["ci_low"] == pytest.approx(alone["ci_low"], abs=1e-6)
    single = pooled_row([[one]], 0.95)
    assert single["spearman"] == pytest.approx(row["spearman"])
    assert "no interval" in single["reason"]


@pytest.mark.parametrize(("topics", "most"), [(2, 1), (4, 3), (5, 4)])
def test_a_few_topics_that_agree_by_chance_do_not_make_p_tiny(topics, most):
    """Four topics of nearly one correlation gave p of 1e-33, with the questions' degrees."""
    rng = np.random.default_rng(5)
    x, y = pair(rng, 120, 0.9)
    ours = [
        [respond(x, y + 0.01 * rng.standard_normal(120), np.arange(120))] for _ in range(topics)
    ]
    row = pooled_row(ours, 0.95)
    z, low = np.arctanh(row["spearman"]), np.arctanh(row["ci_low"])
    error = (z - low) / stats.t.ppf(0.975, most)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(z / error, most), rel=1e-6)


def test_what_has_no_correlation_says_why():
    x = np.arange(20.0)
    assert problem(x, np.zeros(20)) == "every question loses the same margin"
    assert problem(np.ones(20), x).startswith("the forgotten documents support")
    assert problem(x[:5], x[:5]) == "5 questions, fewer than 8"
    assert problem(x, x) == ""
    few = adapter_row(respond(x, x**2, np.arange(20) % 2), 0.95)
    assert few["spearman"] > 0.99 and few.get("ci_low") is None and "no interval" in few["reason"]


def test_what_the_base_margin_makes_is_gone_where_it_is_held_fixed():
    rng = np.random.default_rng(5)
    margin = rng.standard_normal(400)
    x, y = (margin + 0.5 * rng.standard_normal(400) for _ in range(2))
    assert stats.spearmanr(x, y).statistic > 0.6
    assert abs(partial_spearman(x, y, margin)) < 0.15
    assert partial_spearman(x, y, x) is None


# --------------------------------------------------------------- the rule


class Named(dict):
    __getattr__ = dict.__getitem__


class Call:
    def __init__(self, **parts):
        self.__dict__ |= {name: Named(part) for name, part in parts.items()}


def made_up_scores():
    """Four topics; the halves agree on the first, and each has another second."""
    half = {"art": (9, 9), "games": (5, 1), "health": (1, 6), "food": (0, 0)}
    rows = [
        {"doc_id": f"{topic}{i}", "topic": topic, "format": "faq", "score_a": a, "score_b": b}
        for topic, (a, b) in half.items()
        for i in range(2)
    ]
    mean = (pl.col("score_a") + pl.col("score_b")) / 2
    frame = pl.DataFrame(rows).with_columns(score=mean, score_correct=mean, score_incorrect=mean)
    return frame.cast({pl.Int64: pl.Float64})


@pytest.fixture
def study(tmp_path):
    """Two topics of benchmark x; a question loses what the forgotten documents give it."""
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((40, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    queries = rng.standard_normal((30, 16)).astype(np.float32)
    ids = [f"t/{i}" for i in range(30)]
    write_table(made_up_scores(), tmp_path / "scores.parquet", "attribution/scores")
    np.save(tmp_path / "s0000.npy", rows)
    np.save(tmp_path / "x.npy", queries)
    record = {"query_ids": ids, "tasks": ["t"] * 30, "manifest": {}}
    write_json(tmp_path / "x.json", record)
    shard = pl.DataFrame({"doc_id": [f"d{i:02d}" for i in range(40)]})
    shard.write_parquet(tmp_path / "shard.parquet")
    for place, topic in enumerate(("top01", "top02")):
        folder = tmp_path / "unlearning" / "x" / topic
        reached = {"targeted": ("reached", [1.0]), "bottom": ("collapsed", [])}
        write_run(folder, f"t{place}", 1, reached)
        chosen = [f"d{i:02d}" for i in range(5 * place, 5 * place + 5)]
        sets = pl.DataFrame({"arm": ["targeted"] * 5, "doc_id": chosen}).with_columns(
            topic=pl.lit("art"), format=pl.lit("faq"), n_tokens=1, loss=1.0, score=0.0,
            matched_to=pl.lit(None, pl.String), score_other=pl.lit(None, pl.Float64),
            words=pl.lit(None, pl.Float64),
        )  # fmt: skip
        write_table(sets, folder / "seed1" / "sets.parquet", "unlearning/sets")
        support = queries @ rows[5 * place : 5 * place + 5].mean(axis=0)
        tables = [
            pl.DataFrame({"query_id": ids, "margin": margin.astype(float)}).with_columns(
                arm=pl.lit(arm), seed=seed, dose=dose, correct=True, registration=pl.lit("x")
            )
            for arm, seed, dose, margin in (
                ("base", 0, 0.0, np.zeros(30)), ("targeted", 1, 1.0, -support**3),
            )
        ]  # fmt: skip
        write_table(pl.concat(tables), folder / "evaluation" / "x.parquet", "unlearning/evaluation")
    return tmp_path


def relate(study):
    root = study / "unlearning"
    estimate_dose_response.main(
        Call(
            input={
                "runs": sorted(map(str, root.rglob("run.json"))),
                "sets": sorted(map(str, root.rglob("sets.parquet"))),
                "evaluations": sorted(map(str, root.rglob("evaluation/*.parquet"))),
                "shards": [str(study / "shard.parquet")],
                "rows": [str(study / "s0000.npy")],
                "queries": [str(study / "x.npy")],
                "scores": [str(study / "scores.parquet")],
            },
            output={"table": study / "out.parquet", "topics": study / "topics.parquet"},
            params={
                "benchmarks": ["x"],
                "targets": ["x"],
                "topics": 2,
                "doses": [1.0],
                "confidence": 0.95,
            },
        )
    )
    return read_table(study / "out.parquet", "unlearning/dose_response")


def test_questions_that_lose_what_was_forgotten_correlate_in_every_topic(study):
    table = relate(study)
    own = table.filter(arm="targeted")
    assert own["topic"].to_list() == ["all", "t0", "t1"]
    assert own["spearman"].min() > 0.999
    assert own["other_topics"].abs().max() < 0.9
    broken = table.filter(arm="bottom")
    assert broken["spearman"].is_null().all()
    assert set(broken["reason"]) == {"the run collapsed before the dose"}


def test_topics_that_the_other_half_of_the_questions_would_not_choose_are_counted(study):
    relate(study)
    topics = read_table(study / "topics.parquet", "unlearning/topics")
    assert topics["topic"].to_list() == ["art", "health", "games", "food"]
    assert topics["rank_a"].to_list() == [1, 3, 2, 4]
    assert topics["rank_b"].to_list() == [1, 2, 3, 4]
    assert set(topics["stays"]) == {0.5} and set(topics["n_top"]) == {2}


def test_a_forgotten_document_without_a_row_is_refused_by_file(study):
    np.save(study / "s0000.npy", np.load(study / "s0000.npy")[:3])
    pl.read_parquet(study / "shard.parquet")[:3].write_parquet(study / "shard.parquet")
    with pytest.raises(IntegrityError, match=r"2 documents of .*sets\.parquet, arm 'targeted'"):
        relate(study)
