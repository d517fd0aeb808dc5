"""The whole workflow on a planted world of 64 bins, and what reruns after a change."""

import json
import os
import signal
import subprocess
import time

import polars as pl
import pytest
import yaml

from tests.workflow.clone import Clone
from workflow_scripts.common.files import file_digest, read_json

CONFIG = ("--configfile", "tests/config/small.yaml")
BENCHMARKS = ["social_reasoning", "social_knowledge", "stem_reasoning", "stem_knowledge"]
TABLES = {"gather_bins", "compare_maps", "plot_maps", "plot_contrasts", "plot_planted"}
CHECKS = {
    "check_planted",
    "score_lexical",
    "score_gradient_baselines",
    "score_shuffled",
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The project with its small study finished."""
    clone = Clone(tmp_path_factory.mktemp("small") / "atlas")
    code, text = clone.run(*CONFIG)
    assert code == 0, text[-5000:]
    return clone


def results(clone, *parts):
    return clone.folder.joinpath("results", "small", *parts)


def test_finished_study_has_nothing_to_do(clone):
    code, text = clone.run("--dry-run", *CONFIG)
    assert code == 0
    assert "Nothing to be done" in text


def test_every_table_and_figure_stands_with_its_record(clone):
    for path in ("influence/bin_influence.parquet", "validation/planted.parquet"):
        record = json.loads(results(clone, f"{path}.meta.json").read_text())
        assert record["sha256"] == file_digest(results(clone, path))
    for benchmark in BENCHMARKS:
        assert results(clone, f"report/figures/map_{benchmark}.png").stat().st_size > 10_000
    assert not list(results(clone).rglob(".tmp-*"))
    assert not list(results(clone, ".state").rglob("*.pt"))


def test_planted_truth_is_recovered(clone):
    """Loose bounds: six support bins and two contradiction bins a benchmark, a short training.

    Measured: accuracy 0.62 to 0.90, AUROC against contradiction 0.90 on average, TF-IDF 0.56.
    The demo's own bars are held by test_demo_study.
    """
    records = [read_json(results(clone, "benchmarks", name, "results.json")) for name in BENCHMARKS]
    assert sum(record["accuracy"] for record in records) / 4 > 0.5  # chance 0.25
    table = pl.read_parquet(results(clone, "validation/planted.parquet"))
    means = dict(
        table.group_by("scorer").agg(pl.col("auroc_support_vs_contradiction").mean()).iter_rows()
    )
    assert means["trackstar"] > 0.75
    assert abs(means["tfidf"] - 0.5) < 0.15


def test_bin_table_has_all_bins_and_null_where_there_are_no_documents(clone):
    table = pl.read_parquet(results(clone, "influence/bin_influence.parquet"))
    assert table.height == 4 * 576
    empty = table.filter(pl.col("n_docs") == 0)
    assert empty.height == 4 * 512
    assert empty["influence"].null_count() == empty.height
    assert table.filter(pl.col("n_docs") > 0)["influence"].null_count() == 0


def test_changed_benchmark_reruns_its_own_chain_and_the_tables_alone(clone):
    path = clone.folder / "benchmarks" / "social_reasoning.yaml"
    before = path.read_text()
    path.write_text(before.replace("title: ", "title: Changed "))
    try:
        jobs = clone.plan(*CONFIG)
    finally:
        path.write_text(before)
    chain = {"answer_benchmark", "attribute_queries", "estimate_bins", "score_documents"}
    named = {f"{rule} social_reasoning" for rule in chain}
    assert named <= jobs
    assert jobs <= named | TABLES | CHECKS  # no gradient of a document, no other benchmark


def test_changed_corpus_seed_reruns_everything(clone):
    jobs = clone.plan(*CONFIG, "--config", "seeds={corpus: 43}")
    rules = {job.split()[0] for job in jobs}
    assert {"plant_world", "train_model", "fit_preconditioner", "attribute_documents"} <= rules
    assert len(jobs) == 41


def test_changed_bootstrap_seed_reruns_no_gradient(clone):
    jobs = clone.plan(*CONFIG, "--config", "seeds={bootstrap: 43}")
    rules = {job.split()[0] for job in jobs}
    assert "compare_maps" in rules
    assert not rules & {"train_model", "attribute_documents", "attribute_queries", "estimate_bins"}


def test_fifth_benchmark_adds_its_own_chain_and_the_tables_over_all(clone):
    definition = yaml.safe_load((clone.folder / "benchmarks/stem_knowledge.yaml").read_text())
    text = (clone.folder / "benchmarks/stem_knowledge.yaml").read_text()
    path = clone.folder / "benchmarks" / "fifth.yaml"
    path.write_text(text.replace(definition["title"], "Fifth"))
    try:
        jobs = clone.plan(*CONFIG, "--config", f"benchmarks=[{','.join([*BENCHMARKS, 'fifth'])}]")
    finally:
        path.unlink()
    own = {job for job in jobs if job.endswith(" fifth")}
    assert {job.split()[0] for job in own} == {
        "answer_benchmark",
        "attribute_queries",
        "estimate_bins",
        "score_documents",
    }
    assert jobs - own <= TABLES | CHECKS


def test_deleted_shard_is_remade_and_only_it_when_something_needs_it(clone):
    sketch = results(clone, "attribution/sketches/s0001.npz")
    before = file_digest(sketch)
    sketch.unlink()
    needs = ("--forcerun", "score_gradient_baselines")
    jobs = clone.plan(*CONFIG, *needs)
    assert {job for job in jobs if job.startswith("attribute_documents")} == {
        "attribute_documents s0001"
    }
    assert not jobs & {"train_model", "fit_preconditioner"}
    code, text = clone.run(*CONFIG, *needs)
    assert code == 0, text[-3000:]
    assert file_digest(sketch) == before


def test_truncated_shard_is_named_and_nothing_half_written_is_left(clone):
    sketch = results(clone, "attribution/sketches/s0002.npz")
    content = sketch.read_bytes()
    target_name = "results/small/influence/bins/stem_knowledge.parquet"
    target = clone.folder / target_name
    saved = target.read_bytes(), target.with_name(target.name + ".meta.json").read_bytes()
    stamps = os.stat(sketch)
    sketch.write_bytes(content[: len(content) // 2])
    try:
        code, text = clone.run(
            *CONFIG, "--rerun-triggers", "mtime", "--forcerun", "estimate_bins", "--", target_name
        )
        assert code != 0
        line = next(line for line in text.splitlines() if "s0002.npz is truncated" in line)
        assert "delete it and run again" in line
        assert not target.exists()
        log = results(clone, "logs/estimate_bins/stem_knowledge.log").read_text()
        assert "s0002.npz is truncated" in log
    finally:
        sketch.write_bytes(content)
        os.utime(sketch, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    code, text = clone.run(*CONFIG, "--", target_name)
    assert code == 0, text[-3000:]
    assert (target.read_bytes(), target.with_name(target.name + ".meta.json").read_bytes()) == saved


def test_killed_training_resumes_to_the_same_bytes(clone):
    """Killed with its whole process group once a state is on disk, then run again."""
    words = (*CONFIG, "--config", "study=killed", "--", "results/killed/model/model.json")
    folder = clone.folder / "results" / "killed"
    process = subprocess.Popen(
        clone.command(*words),
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not list(folder.glob(".state/train_model/*.pt")):
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "model" / "model.safetensors").exists()
    clone.run("--unlock", *words[:4])
    code, text = clone.run("--rerun-incomplete", *words)
    assert code == 0, text[-3000:]
    assert "resumed at step" in (folder / "logs" / "train_model.log").read_text()
    for name in ("model.safetensors", "model.json", "history.json"):
        assert file_digest(folder / "model" / name) == file_digest(results(clone, "model", name))
