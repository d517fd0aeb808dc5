"""Coverage, false alarms and power by simulation, with what they came to in comments.

Maps of 576 bins as of the planted study: 8 documents a bin in 8 folds, 100 queries.
"""

import numpy as np
import pytest

from tests.influence.simulation import simulate
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components

UNEQUAL = (0, 0, 0, 1, 1, 2, 3, 4)


def coverage(maps=40, bins=100, **options):
    """Share of the intervals that hold the true mean."""
    rng = stream(1, "coverage")
    held = []
    for _ in range(maps):
        groups, truth = simulate(rng, bins=bins, **options)
        found = estimate(components(groups))
        held.append((found.ci_low[:bins] <= truth) & (truth <= found.ci_high[:bins]))
    return np.mean(held)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"query_sd": 0.3},
        {"query_sd": 3.0, "maps": 150, "bins": 30},  # maps count: a query draw is one for all bins
        {"law": "t4", "query_sd": 0.3},
        {"law": "planted", "query_sd": 0.3},
        {"law": "mixture", "query_sd": 0.3, "maps": 100},
        {"uneven_bins": True, "query_sd": 0.3},
        {"folds": UNEQUAL, "query_sd": 0.3},
        {"folds": UNEQUAL, "site_sd": 1.0, "query_sd": 0.3},
        {"folds": np.arange(160) % 16, "maps": 15, "query_sd": 0.3},
        {"bins": 12, "maps": 200, "query_sd": 0.3},
        {"folds": (0, 1), "query_sd": 0.3},
        {"folds": (0, 1)},
    ],
    ids=lambda options: ",".join(options) or "plain",
)
def test_intervals_cover_as_they_claim(options):
    # Eight documents of the mixture: 97.0% in 10,000 intervals.
    assert 0.92 <= coverage(**options) <= (0.975 if options.get("law") == "mixture" else 0.97)


def null_maps(maps, **options):
    """Of maps without unusual bins: which show one at q < 0.05, and all their p_unusual."""
    rng = stream(2, "null maps", *options)
    alarms, p_values = [], []
    for _ in range(maps):
        groups, _ = simulate(rng, queries=40, **options)
        p_unusual = estimate(components(groups)).p_unusual
        alarms.append(adjust(p_unusual).min() < 0.05)
        p_values.append(p_unusual)
    return np.array(alarms), np.concatenate(p_values)


def test_maps_without_unusual_bins_show_none_beyond_the_nominal_share():
    """Six laws pooled, 300 maps: at 5% 15 show a bin, and 27 or more have a chance of 0.3%.

    Over 500 maps each, with 100 queries: 3.6 (normal), 0.0 (t4), 0.0 (mixture), 4.8 (uneven),
    3.8 (unequal folds) and 6.2% (bins that differ). A log-normal whose variance also differs
    between bins is beyond 8 documents: every second such map shows a bin.
    """
    laws = [
        {},
        {"law": "t4"},
        {"law": "mixture"},
        {"uneven_bins": True},
        {"folds": UNEQUAL},
        {"spread": 0.3},
    ]
    alarms, p_values = zip(*(null_maps(50, **options) for options in laws), strict=True)
    assert np.sum(alarms) < 27
    assert np.sum(alarms[1]) + np.sum(alarms[2]) <= 2  # heavy tails make the test careful
    assert np.mean(np.concatenate(p_values) < 0.05) < 0.05
    assert np.mean(np.concatenate(p_values) < 0.001) < 0.0012


def plant(rng, groups, bins, size, share=1.0):
    """Add ``size`` deviations to a share of the documents of ``bins``."""
    means = groups.means.copy()
    for index in bins:
        rows = np.flatnonzero(groups.bins == index)
        chosen = rng.permutation(rows)[: round(share * len(rows))]
        means[chosen] += size * (1 + 0.3 * rng.standard_normal((len(chosen), 1)))
    return GroupMeans(groups.bins, groups.folds, groups.counts, means)


@pytest.mark.parametrize("count", [24, 72])
@pytest.mark.parametrize("law", ["normal", "t4"])
def test_planted_bins_are_found_and_few_others(law, count):
    """As many bins support as contradict, four deviations each; the rest differ a little."""
    rng = stream(3, "power", law, count)
    found, false = [], []
    for _ in range(8):
        groups, _ = simulate(rng, law=law, spread=0.3)
        chosen = rng.choice(576, size=2 * count, replace=False)
        groups = plant(rng, groups, chosen[:count], 4.0)
        groups = plant(rng, groups, chosen[count:], -4.0)
        called = adjust(estimate(components(groups)).p_unusual) < 0.05
        found.append(called[chosen[:count]].mean())
        false.append(np.delete(called, chosen).sum() / max(called.sum(), 1))
    assert np.mean(found) > 0.95
    assert np.mean(false) < 0.1


def test_moderation_finds_what_single_bins_cannot():
    """Eight documents a bin: two deviations are found by moderated variances alone."""
    rng = stream(4, "moderation")
    groups, _ = simulate(rng)
    groups = plant(rng, groups, range(24), 2.0)
    called = adjust(estimate(components(groups)).p_unusual) < 0.05
    assert called[:24].mean() > 0.9
