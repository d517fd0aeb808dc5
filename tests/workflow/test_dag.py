"""The plan of each study, from a dry-run: its size, its edges, and what it refuses."""

import re
from collections import Counter

import pytest

from tests.workflow.clone import ROOT, Clone, job_counts
from workflow_scripts.common.config.load import load_study
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import make_plan

# Beginnings of Snakemake's own lines before the first line of the workflow.
OWN_WORDS = ("Config file", "Using workflow specific profile")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("dag") / "atlas")


def test_demo_has_at_most_ninety_nine_jobs_and_those_of_the_preflight(clone):
    code, text = clone.run("--dry-run")
    assert code == 0, text[-2000:]
    assert int(re.search(r"^total +(\d+)", text, re.MULTILINE)[1]) <= 99
    plan = make_plan(sizes_of(load_study()))
    assert {each.rule: each.jobs for each in plan.rules} == job_counts(text)


def test_study_without_unlearning_plans_none_of_it(clone):
    jobs = clone.plan("--config", "unlearning={benchmarks: []}")
    assert not {job for job in jobs if "unlearn" in job or "effects" in job}
    assert len(jobs) <= 43


def test_edges_between_rules_are_the_stored_ones(clone):
    """Stored as sorted lines, for the DOT text changes its ids and colours from run to run."""
    code, text = clone.run("--rulegraph", "dot")
    assert code == 0, text[-2000:]
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', text))
    edges = sorted(f"{names[a]} -> {names[b]}" for a, b in re.findall(r"(\d+) -> (\d+)", text))
    stored = (ROOT / "tests" / "workflow" / "edges.txt").read_text().splitlines()
    assert edges == stored


def test_document_pass_does_not_know_the_benchmarks():
    stored = (ROOT / "tests" / "workflow" / "edges.txt").read_text().splitlines()
    before = {line.split(" -> ")[0] for line in stored if line.endswith("-> attribute_documents")}
    assert before == {"tokenize_shard", "fit_preconditioner", "train_model"}


def test_the_untrained_control_does_not_wait_for_the_training():
    stored = (ROOT / "tests" / "workflow" / "edges.txt").read_text().splitlines()
    before = {line.split(" -> ")[0] for line in stored if line.endswith("-> attribute_untrained")}
    assert before == {"tokenize_shard", "fit_tokenizer"}


def test_study_without_kept_rows_plans_no_scores_and_no_rows(clone):
    jobs = clone.plan("--config", "attribution={rows: discard}", "unlearning={benchmarks: []}")
    assert not {job for job in jobs if job.startswith("score_documents")}
    assert "attribute_documents s0000" in jobs


def test_document_scores_are_refused_by_key_where_rows_are_discarded(clone):
    code, text = clone.run(
        "--dry-run",
        "results/planted/attribution/scores/social_reasoning.parquet",
        "--config",
        "attribution={rows: discard}",
        "unlearning={benchmarks: []}",
    )
    assert code != 0
    assert "MissingRuleException" in text


def test_validate_plans_one_more_document_pass_and_nothing_of_unlearning_or_report(clone):
    jobs = clone.plan("validate")
    whole = clone.plan()
    assert jobs - whole == {"validate", "project_again", "compare_projections"}
    assert {"compare_scorers", "gather_bins", "score_documents social_reasoning"} <= jobs
    assert not {job for job in jobs if "unlearn" in job or job.startswith(("plot", "write"))}


def test_validate_plans_what_a_study_can_have(clone):
    """No rows, no second projection: the verdict says so instead of asking for them."""
    few = ["attribution={rows: discard}", "validation={projection: false, leakage_ngram: 0}"]
    jobs = clone.plan("validate", "--config", *few, "unlearning={benchmarks: []}")
    assert "validate" in jobs
    assert "project_again" not in jobs
    assert not {job for job in jobs if job.startswith("score_documents")}


def test_plan_grows_with_the_shards_alone(clone):
    two, five = (clone.plan("--config", f"corpus={{shards: {count}}}") for count in (2, 5))
    assert {job.split()[0] for job in five - two} == {"tokenize_shard", "attribute_documents"}


def test_every_further_training_seed_plans_a_model_a_document_pass_and_bins(clone):
    """One seed plans none of it; answers, unlearning and validation stay those of the first."""
    one, three = clone.plan(), clone.plan("--config", "seeds={model: [42, 7, 8]}")
    assert not one - three
    added = Counter(job.split()[0] for job in three - one)
    rules = {
        "train_sibling": 2,
        "fit_sibling_preconditioner": 2,
        "attribute_sibling_documents": 4,
        "attribute_sibling_queries": 8,
        "estimate_sibling_bins": 8,
        "compare_models": 1,
    }
    assert added == rules
    plan = make_plan(
        sizes_of(load_study() | {"seeds": load_study()["seeds"] | {"model": [1, 2, 3]}})
    )
    planned = {each.rule: each.jobs for each in plan.rules}
    assert {rule: planned[rule] for rule in rules} == rules


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--config", "benchmarks=[social_resoning]", "unlearning={benchmarks: []}"],
            "did you mean 'social_reasoning'?",
        ),
        (["--config", "benchmarks=[social_resoning]"], "(social_resoning) lacks"),
        (["--configfile", "configs/local-text.yaml"], "data"),
        (["--config", "unlearning={topics: [helth]}"], "did you mean 'health'?"),
        (["--config", "unlearning={method: ngdif}"], "did you mean 'ngdiff'?"),
        (["--config", "attribution={rows: discard}"], "'attribution.rows' is 'discard'"),
        (["--config", "influence={topic_weights: gone.csv}"], "'gone.csv', which is no file"),
        (["--config", "seeds={model: [7, 7]}"], "'seeds.model' is [7, 7]"),
        (["--config", "model={siblings: [{path: x}]}"], "'model.siblings' names 'x'"),
        (
            ["--config", "contrasts=[{name: x, plus: [social_reasoning], minus: [stem_resoning]}]"],
            "names 'stem_resoning'; allowed:",
        ),
    ],
)
def test_bad_study_is_one_line(clone, words, message):
    code, text = clone.run("--dry-run", *words)
    assert code != 0
    lines = [line for line in text.splitlines() if not line.startswith(OWN_WORDS)]
    assert len(lines) == 1, text
    assert lines[0].startswith("config error: ")
    assert message in lines[0]


def test_the_figure_of_the_contrasts_is_planned_where_the_study_has_one(clone):
    three = "benchmarks=[social_reasoning, social_knowledge, stem_reasoning]"
    form = "contrasts=[{name: form, plus: [social_reasoning], minus: [social_knowledge]}]"
    for words, wanted in (([three], True), ([three, form], True), (["contrasts=[]"], False)):
        code, text = clone.run("--dry-run", "--config", *words, "unlearning={benchmarks: []}")
        assert code == 0, text[-2000:]
        assert ("figures/contrasts.svg" in text) is wanted


MATRIX = "topic,format,socialiqa,arc_challenge,chess\nhealth,faq,1,2,3\ngames,faq,2,1,1\n"


def test_study_of_a_matrix_has_the_jobs_of_its_preflight_and_no_corpus_or_model(clone):
    path = clone.folder / "matrix.csv"
    path.write_text(MATRIX)
    words = ("--configfile", "configs/matrix.yaml")
    code, text = clone.run("--dry-run", *words)
    assert code == 0, text[-2000:]
    overlay = clone.folder / "overlay.yaml"
    overlay.write_text(f"study: matrix\ninfluence: {{matrix: {path}}}\n")
    plan = make_plan(sizes_of(load_study(overlay)))
    assert {each.rule: each.jobs for each in plan.rules} == job_counts(text)
    assert {each.stage for each in plan.rules} == {"influence", "report"}
    assert "map_chess" in text
    path.write_text(MATRIX.replace("games", "gamez"))
    code, text = clone.run("--dry-run", *words)
    assert code != 0
    lines = [line for line in text.splitlines() if not line.startswith(OWN_WORDS)]
    assert len(lines) == 1, text
    assert "matrix.csv, row 3: topic 'gamez'" in lines[0]
