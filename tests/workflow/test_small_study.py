"""The whole workflow on a planted world of 64 bins, and what reruns after a change."""

import json
import os
import re
import subprocess
import sys

import polars as pl
import pytest
import yaml

from tests.common.documented import recipes
from workflow_scripts.common.files import file_digest, read_json
from workflow_scripts.common.tables import read_table

CONFIG = ("--configfile", "tests/config/small.yaml")
MADE = "CONFIG=tests/config/small.yaml"
BENCHMARKS = ["social_knowledge", "stem_knowledge"]
TOPICS = ["top01", "top02"]
TABLES = {
    "budget_errors",
    "vary_maps",
    "gather_bins",
    "collect_cautions",
    "compare_maps",
    "estimate_effects",
    "dose_response",
    "plot_influence",
    "write_explorer",
    "profile_texts",
    "plot_validation",
    "plot_unlearning",
}
CHECKS = {
    "compare_scorers",
    "score_texts",
    "score_gradient_baselines",
}


@pytest.fixture
def clone(small):
    return small


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
    """Loose bounds: a small world and a short training; the demo's are in test_demo_study."""
    records = [read_json(results(clone, "benchmarks", name, "results.json")) for name in BENCHMARKS]
    assert min(record["accuracy"] for record in records) > 0.5  # chance 0.25
    table = pl.read_parquet(results(clone, "validation/planted.parquet"))
    means = dict(
        table.group_by("scorer").agg(pl.col("auroc_support_vs_contradiction").mean()).iter_rows()
    )
    assert means["trackstar"] > 0.75
    assert abs(means["tfidf"] - 0.5) < 0.15


def test_bin_table_has_all_bins_and_null_where_there_are_no_documents(clone):
    table = pl.read_parquet(results(clone, "influence/bin_influence.parquet"))
    assert table.height == 2 * 576
    empty = table.filter(pl.col("n_docs") == 0)
    assert empty.height == 2 * 512
    assert empty["influence"].null_count() == empty.height
    assert table.filter(pl.col("n_docs") > 0)["influence"].null_count() == 0


def test_changed_question_reruns_its_own_chain_and_the_tables_alone(clone):
    path = clone.folder / "benchmarks" / "stem_knowledge.yaml"
    before = path.read_text()
    path.write_text(before + "limit: 39\n")
    try:
        jobs = clone.plan(*CONFIG)
    finally:
        path.write_text(before)
    chain = {"answer_benchmark", "attribute_queries", "estimate_bins", "score_documents"}
    named = {f"{rule} stem_knowledge" for rule in chain}
    named |= {f"evaluate_unlearned social_knowledge {topic} stem_knowledge" for topic in TOPICS}
    named.add("evaluate_control stem_knowledge")
    assert named <= jobs
    # No gradient of a document, no other benchmark, no adapter.
    assert jobs <= named | TABLES | CHECKS


def test_changed_corpus_seed_reruns_everything(clone):
    jobs = clone.plan(*CONFIG, "--config", "seeds={corpus: 43}")
    rules = {job.split()[0] for job in jobs}
    assert {"plant_world", "train_model", "fit_preconditioner", "attribute_documents"} <= rules
    assert "unlearn_topic" in rules


def test_changed_bootstrap_seed_reruns_no_gradient(clone):
    jobs = clone.plan(*CONFIG, "--config", "seeds={bootstrap: 43}")
    rules = {job.split()[0] for job in jobs}
    assert "compare_maps" in rules
    assert not rules & {"train_model", "attribute_documents", "attribute_queries", "estimate_bins"}
    assert not rules & {"unlearn_topic", "evaluate_unlearned", "unlearn_halves"}


def test_new_unlearning_seed_trains_its_own_adapters_and_nothing_before(clone):
    jobs = clone.plan(*CONFIG, "--config", "seeds={unlearning: [1, 2]}")
    new = {f"unlearn_topic social_knowledge {topic} 2" for topic in TOPICS}
    new.add("unlearn_control 2")
    evaluations = {
        f"evaluate_unlearned social_knowledge {topic} {name}"
        for topic in TOPICS
        for name in BENCHMARKS
    }
    evaluations |= {f"evaluate_control {name}" for name in BENCHMARKS}
    # The front page tells what forgetting did.
    ends = {"estimate_effects", "dose_response", "plot_unlearning", "write_explorer"}
    assert jobs == new | evaluations | ends


def test_another_data_folder_runs_no_benchmark_again_that_does_not_name_it(clone):
    assert clone.plan(*CONFIG, "--config", "data=elsewhere") == set()


def test_new_topic_keeps_the_runs_of_the_others(clone):
    jobs = clone.plan(*CONFIG, "--config", "unlearning={topics: [top01, top02, top03]}")
    runs = {job for job in jobs if job.startswith("unlearn")}
    assert runs == {"unlearn_topic social_knowledge top03 1"}
    assert {job.split()[2] for job in jobs if job.startswith("evaluate_unlearned")} == {"top03"}


def test_effects_name_every_run_and_its_sets_are_disjoint(clone):
    effects = pl.read_parquet(results(clone, "unlearning/effects.parquet"))
    arms = [(target, arm) for target, arm in effects.select("target", "arm").unique().rows()]
    assert sorted(arms) == [
        ("control", "control"),
        *[
            ("social_knowledge", arm)
            for arm in ("bottom", "crossed_random", "crossed_targeted", "low", "random", "targeted")
        ],
    ]
    # Topics x arms and the control; one topic is cross-fitted and asked its own questions.
    assert effects.height == (2 * 4 + 1) * len(BENCHMARKS) + 2
    folder = results(clone, "unlearning/social_knowledge/top01/seed1")
    sets = pl.read_parquet(folder / "sets.parquet")
    forgotten = sets.filter(pl.col("arm") != "retain")
    assert forgotten.group_by("arm").len()["len"].to_list() == [4, 4, 4, 4]
    assert not set(forgotten["doc_id"]) & set(sets.filter(arm="retain")["doc_id"])
    assert forgotten["topic"].unique().to_list() == [read_json(folder / "run.json")["topic"]]


def test_documents_chosen_by_half_of_the_questions_are_asked_the_other(clone):
    folder = results(clone, "unlearning/social_knowledge")
    path = results(clone, "attribution/scores/social_knowledge.parquet")
    both = read_table(path, "attribution/scores")
    # Halves of equal size: their mean is the score that all questions give.
    assert ((both["score_a"] + both["score_b"]) / 2 - both["score"]).abs().max() < 1e-6
    run = read_json(folder / "top01" / "halves" / "seed1" / "run.json")
    assert set(run["arms"]) == {"targeted_a", "random_a", "targeted_b", "random_b"}
    tests = read_table(results(clone, "unlearning/tests.parquet"), "unlearning/tests")
    assert set(tests.filter("primary")["contrast"]) == {"cross_fitted"}
    selection = read_table(results(clone, "unlearning/selection.parquet"), "unlearning/selection")
    assert selection.height == 2 * len(TOPICS)


def test_base_model_answers_the_same_with_adapters_at_hand(clone):
    path = results(clone, "unlearning/social_knowledge/top01/evaluation/stem_knowledge.parquet")
    base = pl.read_parquet(path).filter(arm="base").sort("query_id")
    answers = pl.read_parquet(results(clone, "benchmarks/stem_knowledge/answers.parquet"))
    answers = answers.sort("query_id")
    assert base["correct"].to_list() == answers["correct"].to_list()
    assert (base["margin"] - answers["margin"]).abs().max() < 1e-4


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
        "evaluate_unlearned",
        "evaluate_control",
    }
    assert jobs - own <= TABLES | CHECKS


def test_deleted_shard_is_remade_and_only_it_when_something_needs_it(clone):
    sketch = results(clone, "attribution/sketches/s0001.npz")
    before = file_digest(sketch)
    times = {path: path.stat() for path in results(clone).rglob("*") if path.is_file()}
    sketch.unlink()
    needs = ("--forcerun", "score_gradient_baselines", "--")
    needs = (*needs, "results/small/validation/bins/cosine.parquet")
    jobs = clone.plan(*CONFIG, *needs)
    assert jobs == {"attribute_documents s0001", "score_gradient_baselines"}
    code, text = clone.run(*CONFIG, *needs)
    assert code == 0, text[-3000:]
    assert file_digest(sketch) == before
    # As if nothing had been made again, for the tests that follow.
    for path, stamps in times.items():
        os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))


def test_truncated_shard_is_named_and_nothing_half_written_is_left(clone):
    sketch = results(clone, "attribution/sketches/s0000.npz")
    content = sketch.read_bytes()
    target_name = "results/small/influence/bins/stem_knowledge.parquet"
    target = clone.folder / target_name
    saved = target.read_bytes(), target.with_name(target.name + ".meta.json").read_bytes()
    stamps = os.stat(sketch)
    sketch.write_bytes(content[: len(content) // 2])
    try:
        code, text = clone.run(*CONFIG, "--forcerun", "estimate_bins", "--", target_name)
        assert code != 0
        line = next(line for line in text.splitlines() if "s0000.npz is truncated" in line)
        assert "delete it and run again" in line
        assert not target.exists()
        log = results(clone, "logs/estimate_bins/stem_knowledge.log").read_text()
        assert "s0000.npz is truncated" in log
    finally:
        sketch.write_bytes(content)
        os.utime(sketch, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    code, text = clone.run(*CONFIG, "--", target_name)
    assert code == 0, text[-3000:]
    assert (target.read_bytes(), target.with_name(target.name + ".meta.json").read_bytes()) == saved


@pytest.mark.slow
def test_published_folder_passes_its_checksums_and_gives_the_same_maps_again(clone):
    """A reader of the folder checks it, and loads its matrix as a study of its own."""
    clone.make("publish", MADE)
    folder = results(clone, "publish")
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=folder).returncode == 0
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert str(clone.folder).encode() not in content, path
    # The config is the study's own: with it there is nothing to be done.
    assert clone.plan("--configfile", folder / "config.yaml") == set()
    matrix = folder.parent / "publish" / "bin_matrix.csv"
    words = ["--configfile", "configs/matrix.yaml", "--config", f"influence={{matrix: {matrix}}}"]
    code, text = clone.run(*words)
    assert code == 0, text[-3000:]
    again = clone.folder / "results" / "matrix" / "influence"
    keys = ["benchmark", "topic", "format"]
    for name, columns in (("bin_influence", ["influence", "z"]), ("marginals", ["z"])):
        old, new = (
            pl.read_parquet(place / f"{name}.parquet").sort(keys)
            for place in (results(clone, "influence"), again)
        )
        assert new.select(keys).equals(old.select(keys))
        for column in columns:
            pairs = zip(new[column], old[column], strict=True)
            assert all((a is None) == (b is None) for a, b in pairs)
            assert (new[column] - old[column]).abs().max() < 1e-9


@pytest.mark.slow
def test_validate_ends_as_its_verdict_says(clone):
    """64 bins may miss a bar; then the command fails, says which, and its table stays."""
    code, text = clone.try_make("validate", MADE)
    table = read_table(results(clone, "validation/verdict.parquet"), "validation/verdict")
    failed = table.filter(state="failed")["measure"].to_list()
    assert (code == 0) == (not failed), text[-3000:]
    for measure in table["measure"]:
        assert f"\n{measure} " in text
    for measure in failed:
        assert f"{measure}: " in text[text.index("missed their bar") :]
    passed = set(table.filter(state="passed")["measure"])
    assert {measure for measure in passed if "shuffled" in measure}
    assert {"bins whose documents are not all there"} <= passed
    (again,) = (
        row for row in table.rows(named=True) if "projection, Pearson of the maps" in row["measure"]
    )
    agreement = pl.read_parquet(results(clone, "validation/projection.parquet"))["pearson"]
    assert again["value"] == pytest.approx(agreement.min())
    assert 0.5 < again["value"] < 0.999  # another projection, the same map
    assert table.filter(state="not applicable")["source"].to_list() == ["validation/lds.parquet"]
    # Asked again it judges again, and makes nothing else again.
    assert clone.plan("validate", *CONFIG) == {"validate"}


# Options that make each part of make bench short.
SHORT = {
    "measure_pass": ["--documents", "16", "--repeats", "1", "--shapes", "demo"],
    "measure_step": ["--documents", "2", "--steps", "2", "--repeats", "1"],
    "measure_sampling": ["--millions", "0.016", "--parts", "1", "2"],
}


@pytest.mark.slow
def test_make_bench_measures_a_finished_study(clone):
    """Its first part ended in a TypeError on the tokens of a study."""
    said = {}
    for _, dash, module, *words in recipes(["bench", "STUDY=small"], clone.folder):
        name = module.rpartition(".")[2]
        done = subprocess.run(
            [sys.executable, dash, module, *words, *SHORT[name]],
            cwd=clone.folder,
            env=clone.environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        said[name] = done.stdout
    assert "document pass" in said["measure_pass"]
    assert float(re.search(r"ratio: median ([0-9.]+)", said["measure_step"])[1]) > 0
    assert "are equal" in said["measure_sampling"]


@pytest.mark.slow
def test_make_bench_gpu_compares_the_rows_of_a_finished_study(clone, tmp_path):
    """Tried on the processor, whose rows are its own; other parts have a test without a study."""
    ((_, dash, module, *words),) = recipes(["bench-gpu", "STUDY=small"], clone.folder)
    words += ["--device", "cpu", "--parts", "card", "study", "numerics", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, dash, module, *words],
        cwd=clone.folder,
        env=clone.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    for name in ("rows", "sketch", "questions"):
        assert re.search(rf"{name}: relative distance +0 ", done.stdout), done.stdout
    assert "trained model of the study" in (tmp_path / "bench_gpu.md").read_text()


@pytest.mark.slow
def test_report_of_a_config_is_written_where_its_study_stands(clone):
    clone.make("report", MADE)
    assert results(clone, "report", "report.html").stat().st_size > 100_000
