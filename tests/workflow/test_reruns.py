"""Reruns: decided by content that the study itself records, wherever it lies."""

import shutil

import pytest

from tests.workflow.clone import Clone, job_counts
from tests.workflow.conftest import SMALL

GRADIENTS = {
    "train_model",
    "fit_preconditioner",
    "attribute_documents",
    "attribute_queries",
    "attribute_untrained",
    "score_gradient_baselines",
    "score_texts",
    "unlearn_topic",
    "unlearn_control",
    "unlearn_halves",
    "answer_benchmark",
    "evaluate_unlearned",
    "evaluate_halves",
    "project_again",
}


def rules_of(jobs):
    return {job.split()[0] for job in jobs}


@pytest.mark.parametrize(
    "value",
    [
        "influence={confidence: 0.9}",
        pytest.param("influence={multiplicity: by, splits: 99}", marks=pytest.mark.slow),
    ],
)
def test_how_a_map_is_shown_takes_no_gradient_and_trains_nothing(small, value):
    rules = rules_of(small.plan(*SMALL, "--config", value))
    assert "gather_bins" in rules
    assert not rules & GRADIENTS


def test_titles_and_cells_of_a_benchmark_rerun_tables_and_figures_alone(small):
    path = small.folder / "benchmarks" / "stem_knowledge.yaml"
    before = path.read_text()
    changed = before.replace("title: ", "title: Changed ").replace("domain: stem", "domain: social")
    path.write_text(changed)
    try:
        rules = rules_of(small.plan(*SMALL))
    finally:
        path.write_text(before)
    assert {"compare_maps", "plot_influence", "write_explorer"} <= rules
    assert not rules & {*GRADIENTS, "estimate_bins", "score_documents"}


@pytest.fixture(scope="module")
def moved(small, tmp_path_factory):
    """The finished study in a fresh clone: other times of all files, none of Snakemake's notes."""
    clone = Clone(tmp_path_factory.mktemp("moved") / "atlas")
    results = small.folder / "results" / "small"
    shutil.copytree(results, clone.folder / "results" / "small", copy_function=shutil.copyfile)
    shutil.rmtree(clone.folder / "results" / "small" / ".state")
    return clone


def test_a_moved_study_plans_nothing(moved):
    code, text = moved.run("--dry-run", *SMALL)
    assert code == 0
    assert "Nothing to be done" in text


def test_a_moved_study_knows_a_changed_seed(moved):
    jobs = moved.plan(*SMALL, "--config", "seeds={preconditioner: 43}")
    rules = rules_of(jobs)
    assert {"fit_preconditioner", "attribute_documents", "attribute_queries"} <= rules
    assert not rules & {"train_model", "answer_benchmark", "index_documents"}


def test_a_moved_study_knows_one_changed_line_of_a_file_that_it_read(moved):
    """A list of words, which profile_texts alone reads."""
    path = moved.folder / "workflow_scripts" / "influence" / "texts" / "words.yaml"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"\n", b"  # a changed line\n", 1))
    try:
        rules = rules_of(moved.plan(*SMALL))
    finally:
        path.write_bytes(before)
    assert "profile_texts" in rules
    assert rules <= {"profile_texts", "plot_influence", "write_explorer"}


@pytest.mark.slow
def test_a_moved_study_knows_a_raised_version_locally_and_for_a_cluster(moved):
    path = moved.folder / "workflow_scripts" / "unlearning" / "__init__.py"
    before = path.read_text()
    path.write_text(before.replace("VERSION = ", "VERSION = 1"))
    try:
        plans = [
            moved.run("--dry-run", *SMALL, *words)[1] for words in ([], ["--profile", "slurm"])
        ]
    finally:
        path.write_text(before)
    local, cluster = map(job_counts, plans)
    assert local == cluster
    rules = set(local)
    assert {"unlearn_topic", "unlearn_control", "estimate_effects"} <= rules
    assert not rules & {"train_model", "attribute_documents", "estimate_bins", "compare_maps"}
    _, text = moved.run("--dry-run", *SMALL, "--profile", "slurm")
    assert "Nothing to be done" in text


def test_an_artifact_without_its_record_is_made_again(moved):
    """A job that was killed before it wrote its records was not finished."""
    record = moved.folder / "results/small/influence/bin_influence.parquet.meta.json"
    before = record.read_bytes()
    record.unlink()
    try:
        assert "gather_bins" in moved.plan(*SMALL)
    finally:
        record.write_bytes(before)


@pytest.mark.slow
def test_snakefile_works_from_another_folder(moved, tmp_path):
    """As -s elsewhere/Snakefile, from a folder that holds the results alone."""
    (tmp_path / "results").mkdir()
    shutil.copytree(moved.folder / "results" / "small", tmp_path / "results" / "small")
    config = moved.folder / "tests" / "config" / "small.yaml"
    elsewhere = Clone.__new__(Clone)
    elsewhere.folder = tmp_path
    words = ("-s", moved.folder / "Snakefile", "--configfile", config)
    code, text = elsewhere.run("--dry-run", *words)
    assert code == 0, text[-3000:]
    assert "Nothing to be done" in text
    target = tmp_path / "results" / "small" / "influence" / "lexical_profile.parquet"
    before = target.read_bytes()
    target.unlink()
    code, text = elsewhere.run(*words, "--", target.relative_to(tmp_path))
    assert code == 0, text[-3000:]
    assert target.read_bytes() == before


@pytest.mark.slow
def test_a_shown_level_repeats_no_second_projection(small):
    """The pass under another projection is validate's; how its map is shown is no part of it."""
    target = "results/small/validation/projection.parquet"
    code, text = small.run(*SMALL, "--", target)
    assert code == 0, text[-3000:]
    jobs = small.plan(*SMALL, "--config", "influence={confidence: 0.9}", "--", target)
    assert "compare_projections" in jobs
    assert "project_again" not in jobs
