"""One retrained model: on whole bins, judged as the base model is, resumed to the same numbers."""

import numpy as np
import polars as pl
import pytest
import torch

from workflow_scripts.benchmarks.choice_margins import Questions
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.model.architecture import ArchitectureSettings, build_model
from workflow_scripts.model.training.training import STATE_FILE, TrainSettings, train
from workflow_scripts.validation.retraining.train_half import Recipe, documents_of, outcome

SHAPE = ArchitectureSettings(
    hidden_size=16, layers=1, heads=2, intermediate_size=24, max_positions=24
)
SETTINGS = TrainSettings(passes=4, batch_size=4, save_every=3, report_every=2)
VOCABULARY = 32


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def counting(start, length):
    return np.arange(start, start + length, dtype=np.int32)


DOCUMENTS = [counting(start, 5 + start) for start in range(12)]


def queries():
    """Questions for the number that follows: the next one, or two wrong ones."""
    rows = [
        {
            "choices": [" a", " bb", " c"],
            "gold": gold,
            "choice_input_ids": [
                [n, n + 1, n + 2 if choice == gold else 30 - choice] for choice in range(3)
            ],
            "choice_start": [2, 2, 2],
        }
        for n, gold in [(3, 0), (5, 1), (9, 2)]
    ]
    return pl.DataFrame(rows)


def recipe(metric="acc"):
    return Recipe(SHAPE, SETTINGS, VOCABULARY, {"next": Questions(queries(), metric)}, 64)


@pytest.mark.parametrize("metric", ["acc", "acc_norm"])
def test_margin_and_accuracy_are_those_of_each_question_alone(metric):
    model = build_model(SHAPE, VOCABULARY, seed=1)
    train(model, DOCUMENTS, SETTINGS, seed=1)
    margins, right = Questions(queries(), metric).judge(model, 64)
    for row, margin, correct in zip(queries().iter_rows(named=True), margins, right, strict=True):
        values = []
        for text, ids in zip(row["choices"], row["choice_input_ids"], strict=True):
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0, 1]
            value = logits.log_softmax(-1)[ids[2]].item()
            values.append(value / len(text.strip()) if metric == "acc_norm" else value)
        wrong = max(value for i, value in enumerate(values) if i != row["gold"])
        assert margin == pytest.approx(values[row["gold"]] - wrong, abs=1e-5)
        assert correct == (margin > 0)


def test_documents_are_those_of_the_bins_in_the_order_of_the_working_set():
    corpus = pl.DataFrame(
        {
            "topic": ["games", "health", "games", "health"],
            "format": ["faq", "faq", "faq", "tutorial"],
            "input_ids": [[1, 2], [3, 4], [5, 6], [7, 8]],
        }
    )
    bins = pl.DataFrame({"topic": ["health", "games"], "format": ["tutorial", "faq"]})
    found = documents_of(corpus, bins)
    assert [ids.tolist() for ids in found] == [[1, 2], [5, 6], [7, 8]]


class Killed(Exception):
    """Stands for the process being killed."""


def test_killed_training_ends_with_the_outcome_of_one_that_was_not(tmp_path):
    whole = outcome(recipe(), DOCUMENTS, 1, tmp_path / "whole")

    def kill(step, total, loss):
        if step >= 8:
            raise Killed

    with pytest.raises(Killed):
        model = build_model(SHAPE, VOCABULARY, seed=1)
        train(model, DOCUMENTS, SETTINGS, 1, tmp_path / "killed", kill)
    assert (tmp_path / "killed" / STATE_FILE).exists()
    assert outcome(recipe(), DOCUMENTS, 1, tmp_path / "killed") == whole
    assert not (tmp_path / "killed" / STATE_FILE).exists()
    assert whole["benchmarks"]["next"]["accuracy"] > 0.5


def test_finished_training_is_taken_again_only_for_the_same_documents_seed_and_questions(tmp_path):
    outcome(recipe(), DOCUMENTS, 1, tmp_path)
    record = read_json(tmp_path / "outcome.json")
    write_json(tmp_path / "outcome.json", record | {"outcome": "as recorded"})
    assert outcome(recipe(), DOCUMENTS, 1, tmp_path) == "as recorded"
    digests = {
        recipe().digest(DOCUMENTS, 1),
        recipe().digest(DOCUMENTS, 2),
        recipe().digest(DOCUMENTS[1:], 1),
        recipe("acc_norm").digest(DOCUMENTS, 1),
    }
    assert len(digests) == 4
    assert outcome(recipe(), DOCUMENTS, 2, tmp_path) != "as recorded"
