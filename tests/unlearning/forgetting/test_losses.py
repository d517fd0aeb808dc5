"""Losses and margins: Hugging Face's own, whatever the batch."""

import numpy as np
import polars as pl
import pytest
import torch

from tests.support import tiny_model
from tests.unlearning.made_up import FORGET, RETAIN, base_model, counting, plain_losses
from workflow_scripts.benchmarks.choice_margins import Questions
from workflow_scripts.common.random_streams import stream
from workflow_scripts.model.losses import (
    all_losses,
    batches,
    document_losses,
    predicted_tokens,
    token_losses,
)

# Float32 sums in another order: ten times what is seen.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture
def model(weights):
    return base_model(weights)


def test_document_losses_are_those_of_hugging_face(model):
    torch.testing.assert_close(document_losses(model, FORGET), plain_losses(model, FORGET), **CLOSE)


def test_document_losses_of_a_sliding_window_model_are_those_of_hugging_face():
    """Longer than the window of 16, so that full and sliding layers differ."""
    wide = tiny_model(layers=4, hidden=16)
    rng = stream(1, "ids")
    documents = [rng.integers(1, 101, size=n).astype(np.int32) for n in (40, 3, 25)]
    torch.testing.assert_close(
        document_losses(wide, documents), plain_losses(wide, documents), **CLOSE
    )


def test_a_document_has_the_same_loss_alone_and_beside_a_longer_one(model):
    short, long = sorted(RETAIN, key=len)[0], sorted(RETAIN, key=len)[-1]
    assert len(short) < len(long)
    together = document_losses(model, [short, long])
    alone = torch.cat([document_losses(model, [ids]) for ids in (short, long)])
    torch.testing.assert_close(together, alone, **CLOSE)


def test_the_gradient_flows_to_every_document(model):
    losses = document_losses(model, FORGET)
    (gradient,) = torch.autograd.grad(losses.mean(), [model.lm_head.weight])
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("tokens_per_batch", [1, 40, 10_000])
def test_all_losses_come_in_the_order_of_the_documents(model, tokens_per_batch):
    found = all_losses(model, RETAIN, tokens_per_batch)
    torch.testing.assert_close(found, plain_losses(model, RETAIN), **CLOSE)
    assert not found.requires_grad


def test_batches_hold_every_document_once_and_keep_the_limit():
    documents = counting(50, 1)
    found = list(batches(documents, 60))
    assert sorted(i for batch in found for i in batch) == list(range(50))
    for batch in found:
        assert len(batch) * max(len(documents[i]) for i in batch) <= 60
    assert len(found) < 50


def test_a_document_beyond_the_limit_makes_a_batch_of_its_own():
    documents = [np.zeros(n, np.int32) for n in (3, 90, 4)]
    assert list(batches(documents, 10)) == [[0, 2], [1]]
    assert list(batches([], 10)) == []


def test_token_losses_name_the_document_of_each_token(model):
    losses, owner = token_losses(model, FORGET)
    assert torch.bincount(owner).tolist() == [len(ids) - 1 for ids in FORGET]
    assert predicted_tokens(FORGET).tolist() == torch.bincount(owner).tolist()
    assert len(losses) == len(owner)


def queries():
    """Three questions with two to four choices of different lengths."""
    rng = stream(2, "queries")
    rows = []
    for number, texts in enumerate((["yes", "no"], ["a bc", "d", "efg"], ["hi", "j", "kl", "m"])):
        prompt = rng.integers(0, 32, size=4 + number).tolist()
        tails = [rng.integers(0, 32, size=1 + k).tolist() for k in range(len(texts))]
        rows.append(
            {
                "choices": [f" {text}" for text in texts],
                "gold": number % 2,
                "choice_input_ids": [prompt + tail for tail in tails],
                "choice_start": [len(prompt)] * len(texts),
            }
        )
    return pl.DataFrame(rows)


def by_hand(model, metric):
    """Mean margin from one forward pass per choice."""
    margins = []
    for row in queries().iter_rows(named=True):
        values = []
        for ids, start, text in zip(
            row["choice_input_ids"], row["choice_start"], row["choices"], strict=True
        ):
            with torch.no_grad():
                logs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
            total = sum(logs[i - 1, ids[i]].item() for i in range(start, len(ids)))
            values.append(total / len(text.strip()) if metric == "acc_norm" else total)
        gold = values.pop(row["gold"])
        margins.append(gold - max(values))
    return float(np.mean(margins))


@pytest.mark.parametrize("metric", ["acc", "acc_norm"])
@pytest.mark.parametrize("tokens_per_batch", [1, 1000])
def test_the_mean_margin_is_gold_less_the_best_wrong_choice(model, metric, tokens_per_batch):
    found = Questions(queries(), metric).mean_margin(model, tokens_per_batch)
    assert found == pytest.approx(by_hand(model, metric), abs=1e-4)
    assert by_hand(model, "acc") != pytest.approx(by_hand(model, "acc_norm"), abs=1e-2)
