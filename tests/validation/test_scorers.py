"""The registry of scorers: what it holds, and that nothing takes an unknown name for another."""

import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest

from workflow_scripts.common.config.load import load_schema, load_study
from workflow_scripts.validation.baselines.document_scores import document_scores
from workflow_scripts.validation.baselines.text_maps import all_maps
from workflow_scripts.validation.scorers import (
    LISTED,
    NEEDS,
    SCORERS,
    in_order,
    label_of,
    needs_of,
    of_kind,
    scorer_of,
    shown_in_brief,
    study_scorers,
    that_need,
    title_of,
)
from workflow_scripts.validation.verdict.verdict_checks import BLIND

KINDS = {"study", "truth", "texts", "gradients", "control"}
CHECKS = {"scorers": ["random", "tfidf"], "untrained": True, "shuffled": True}


def test_every_entry_says_what_the_workflow_must_know():
    names = [scorer.name for scorer in SCORERS]
    assert len(set(names)) == len(names)
    assert {scorer.kind for scorer in SCORERS} == KINDS
    assert {scorer.asked for scorer in SCORERS} == {"", "always", "listed", "switched", "together"}
    assert needs_of(names) <= set(NEEDS)
    assert {scorer.kind for scorer in SCORERS if scorer.blind_to_truth} <= set(BLIND)
    assert {scorer.name for scorer in SCORERS if scorer.module} == set(LISTED)


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_scorer_has_its_function(name):
    module = import_module(f"workflow_scripts.validation.baselines.{scorer_of(name).module}")
    assert callable(module.map_bins)


def test_a_switched_scorer_is_a_key_of_the_config():
    checks = load_study()["validation"]
    assert {s.name for s in SCORERS if s.asked == "switched"} <= set(checks)


def test_the_schema_allows_the_listed_scorers_and_asks_for_some_of_them():
    spec = load_schema()["properties"]["validation"]["properties"]["scorers"]
    assert tuple(spec["items"]["enum"]) == LISTED
    assert set(spec["default"]) <= set(LISTED)


def test_the_registry_loads_nothing_heavy():
    code = "import sys, workflow_scripts.validation.scorers as _; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "polars", "sklearn"} & set(done.stdout.split())


@pytest.mark.parametrize("refuse", [scorer_of, lambda name: of_kind([name], "texts")])
def test_an_unknown_name_is_refused(refuse):
    with pytest.raises(ValueError, match=r"'bm52'; known are trackstar, truth, cosine"):
        refuse("bm52")


def test_an_unknown_name_is_not_scored_as_another():
    params = SimpleNamespace(scorers=["length", "bm52"])
    with pytest.raises(ValueError, match="bm52"):
        all_maps(None, None, params)
    with pytest.raises(ValueError, match="'tfidf' is no scorer of documents alone"):
        document_scores("tfidf", None, [], [], 1)


def test_a_study_has_the_scorers_that_it_asks_for():
    always = ["cosine", "dot", "random", "tfidf"]
    assert study_scorers(CHECKS, True) == [*always, "untrained", "shuffled"]
    assert study_scorers(CHECKS, False) == [*always, "untrained"]
    assert study_scorers(CHECKS | {"untrained": False, "shuffled": False}, True) == always


def test_costs_know_what_a_scorer_reads():
    of_texts = set(that_need("texts"))
    assert {"tfidf", "bm25", "embedding"} <= of_texts <= set(LISTED) - {"length", "loss", "random"}
    assert needs_of(["length", "random"]) == set()
    assert needs_of(["loss", "tfidf"]) == {"losses", "texts", "words"}


def test_a_name_of_another_version_is_shown_last_and_as_it_stands():
    assert in_order(["zeta", "random", "alpha", "cosine"]) == ["cosine", "random", "alpha", "zeta"]
    assert shown_in_brief(["mine", "bm25", "tfidf"]) == ["tfidf", "mine"]
    assert (title_of("mine"), label_of("mine")) == ("mine", "mine")
    assert (title_of("untrained"), label_of("untrained")) == ("untrained model", "Untrained model")
