"""Random halves of the bins: exact, seeded, and stable when more of them are asked for."""

import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.errors import DataError
from workflow_scripts.validation.retraining.random_halves import draw_half, halves_of


def corpus(*counts):
    """Documents of bins health x tutorial, x faq, ... in these numbers."""
    formats = [
        "tutorial",
        "faq",
        "listicle",
        "news_article",
        "q_a_forum",
        "user_review",
        "spam_ads",
    ]
    rows = [("health", formats[i]) for i, count in enumerate(counts) for _ in range(count)]
    return pl.DataFrame(rows, schema=["topic", "format"], orient="row")


@pytest.mark.parametrize(("n_bins", "size"), [(2, 1), (84, 42), (85, 42), (576, 288)])
def test_half_is_exact_and_the_smaller_one_of_an_odd_number(n_bins, size):
    assert {int(draw_half(n_bins, number, 1).sum()) for number in range(20)} == {size}


def test_half_follows_from_its_number_and_seed_alone():
    first = np.stack([draw_half(84, number, 7) for number in range(4)])
    more = np.stack([draw_half(84, number, 7) for number in range(40)])
    assert (more[:4] == first).all()
    assert len(np.unique(more, axis=0)) == 40
    other = np.stack([draw_half(84, number, 8) for number in range(40)])
    assert not (more == other).all(axis=1).any()


def test_every_bin_is_in_half_of_the_halves_and_with_every_other_in_a_quarter():
    """Over 4,000 draws of 9 of 18 bins; the standard error of a share is at most 0.008."""
    inside = np.stack([draw_half(18, number, 3) for number in range(4000)]).astype(float)
    together = inside.T @ inside / len(inside)
    assert np.allclose(np.diag(together), 0.5, atol=0.04)
    apart = together[~np.eye(18, dtype=bool)]
    assert np.allclose(apart, 0.5 * 8 / 17, atol=0.04)


def test_halves_take_whole_bins_with_documents_whatever_the_order_of_the_documents():
    documents = corpus(1, 3, 2, 5, 1, 4, 2)
    halves = halves_of(documents, range(3, 6), seed=1)
    assert halves.group_by("half").len().sort("half").rows() == [(3, 3), (4, 3), (5, 3)]
    counts = dict(documents.group_by("format").len().iter_rows())
    assert all(counts[row["format"]] == row["n_docs"] for row in halves.iter_rows(named=True))
    shuffled = documents.sample(fraction=1, shuffle=True, seed=1)
    assert halves_of(shuffled, range(3, 6), seed=1).equals(halves)


def test_a_single_bin_has_no_half():
    with pytest.raises(DataError, match="1 bin"):
        halves_of(corpus(4), range(2), seed=1)
