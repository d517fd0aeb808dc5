"""Power against simulation, tables and its own inverse."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from workflow_scripts.common.random_streams import stream
from workflow_scripts.unlearning.effects import power
from workflow_scripts.unlearning.effects.power import (
    Spreads,
    detectable,
    power_of,
    spread_of_topic,
    spread_of_topic_mean,
    statement,
)

SPREADS = Spreads(topic=0.1, seed=0.05, discordant=0.3)


def test_power_of_a_known_design():
    """G*Power, paired t, dz 0.5, alpha 0.05, n 34: power 0.808."""
    assert power_of(0.5, 1.0, 34) == pytest.approx(0.8078, abs=5e-4)


def test_power_without_an_effect_is_alpha():
    assert power_of(0.0, 0.1, 7) == pytest.approx(0.05)
    assert power_of(0.0, 0.1, 7, alpha=0.2) == pytest.approx(0.2)


def test_power_is_what_simulated_t_tests_find():
    draws = stream(1, "power").normal(0.12, 0.15, size=(20_000, 8))
    found = stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05
    # Standard error 0.0034.
    assert power_of(0.12, 0.15, 8) == pytest.approx(found.mean(), abs=0.014)


def test_power_rises_with_effect_and_topics_and_falls_with_spread():
    for values in (
        [power_of(effect, 0.1, 8) for effect in (0.01, 0.05, 0.1, 0.2)],
        [power_of(0.1, 0.1, n) for n in (2, 3, 5, 10, 24)],
        [power_of(0.1, spread, 8) for spread in (0.5, 0.2, 0.1, 0.05)],
    ):
        assert all(a < b for a, b in itertools.pairwise(values))


def exact_power(effect, n_topics):
    """Power of the t-test at unit spread, integrated over the estimated spread (no nct)."""
    freedom, shift = n_topics - 1, effect * math.sqrt(n_topics)
    limit = stats.t.ppf(0.975, freedom) / math.sqrt(freedom)

    def rejected(chi):
        found = stats.norm.sf(limit * chi - shift) + stats.norm.cdf(-limit * chi - shift)
        return found * stats.chi.pdf(chi, freedom)

    edge = min(shift / limit, 19.0)  # where the integrand falls: quad has to look there
    return quad(rejected, 0, 20, points=[edge], limit=200)[0]


@pytest.mark.parametrize("effect", [0.0, 0.3, 1.2])
@pytest.mark.parametrize("n_topics", [2, 6, 24])
def test_power_is_the_integral_over_the_estimated_spread(n_topics, effect):
    assert power_of(effect, 1.0, n_topics) == pytest.approx(exact_power(effect, n_topics), abs=1e-6)


@pytest.mark.parametrize("n_topics", [2, 3, 6, 24])
@pytest.mark.parametrize("wanted", [0.3, 0.8, 0.99])
def test_the_detectable_difference_has_the_power_asked_for(n_topics, wanted):
    smallest = detectable(1.0, n_topics, wanted)
    assert exact_power(smallest, n_topics) == pytest.approx(wanted, abs=1e-5)
    assert detectable(0.13, n_topics, wanted) == pytest.approx(0.13 * smallest, rel=1e-6)


def test_more_topics_detect_less():
    found = [detectable(0.1, n, 0.8) for n in range(2, 25)]
    assert all(a > b for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("wanted", [0.05, 0.01])
def test_a_power_that_chance_alone_has_needs_no_difference(wanted):
    """The config allows any power above 0; a test at 5% has 5% without any effect."""
    assert detectable(0.1, 8, wanted) == pytest.approx(0.0, abs=1e-9)


def test_nothing_is_detectable_with_one_topic_or_without_spread():
    assert detectable(0.1, 1, 0.8) is None
    assert detectable(0.0, 8, 0.8) is None


def test_the_spread_of_a_topic_mean_by_hand():
    """sqrt(0.1^2 + (0.05^2 + 0.3 / 120) / 2) = sqrt(0.01 + 0.0025)."""
    assert spread_of_topic_mean(SPREADS, 2, 120) == pytest.approx(math.sqrt(0.0125))


def test_the_spread_of_a_topic_mean_is_that_of_simulated_topics():
    """Topics, seeds and discordant questions drawn as they are assumed; no true difference."""
    rng, n, seeds, questions = stream(2, "topics"), 4000, 2, 50
    topic, seed = rng.normal(0, 0.1, (n, 1)), rng.normal(0, 0.05, (n, seeds))
    answers = rng.choice([-1, 0, 1], p=[0.15, 0.7, 0.15], size=(n, seeds, questions))
    means = (topic + seed + answers.mean(axis=2)).mean(axis=1)
    # The standard error of a standard deviation of 4,000 is 1.1%.
    assert spread_of_topic_mean(SPREADS, seeds, questions) == pytest.approx(np.std(means), rel=0.05)


def test_questions_that_all_topics_share_bound_what_more_topics_find():
    """sqrt(0.0125 + topics x 0.2^2 / 120): their error is 0.2 / sqrt(120) with any topics."""
    shared = dataclasses.replace(SPREADS, question=0.2)
    assert spread_of_topic(SPREADS, 8, 2, 120) == spread_of_topic_mean(SPREADS, 2, 120)
    assert spread_of_topic(shared, 8, 2, 120) == pytest.approx(math.sqrt(0.0125 + 8 / 3000))
    spread = spread_of_topic(shared, 10_000, 2, 120)
    assert spread / math.sqrt(10_000) == pytest.approx(0.2 / math.sqrt(120), rel=0.01)


def test_the_spread_of_a_study_is_that_of_simulated_means():
    rng, n, topics, questions = stream(3, "questions"), 4000, 6, 50
    shared = dataclasses.replace(SPREADS, question=0.3)
    topic = rng.normal(0, spread_of_topic_mean(SPREADS, 2, questions), (n, topics))
    means = topic.mean(axis=1) + rng.normal(0, 0.3, (n, questions)).mean(axis=1)
    expected = spread_of_topic(shared, topics, 2, questions) / math.sqrt(topics)
    assert expected == pytest.approx(np.std(means), rel=0.05)


def test_the_statement_gives_the_design_and_the_difference_in_points():
    text = statement(4, 2, 1200, SPREADS, 0.8)
    smallest = detectable(spread_of_topic_mean(SPREADS, 2, 1200), 4, 0.8)
    assert text.startswith("4 topics x 2 seeds, 1,200 questions")
    assert f"{100 * smallest:.1f} points" in text and "80%" in text
    assert "fewer than two topics" in statement(1, 2, 120, SPREADS, 0.8)


def test_the_command_states_the_power_of_the_default_study(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["power"])
    power.main()
    out = capsys.readouterr().out
    assert "social_knowledge" in out and "points is found with probability" in out


def test_the_command_says_where_there_is_no_unlearning(monkeypatch, capsys, tmp_path):
    overlay = tmp_path / "none.yaml"
    overlay.write_text("unlearning: {benchmarks: []}\n")
    monkeypatch.setattr("sys.argv", ["power", "--configfile", str(overlay)])
    power.main()
    assert "no unlearning" in capsys.readouterr().out


def test_the_command_reports_a_wrong_key_in_one_line(monkeypatch, tmp_path):
    """It ended in a traceback."""
    (tmp_path / "x.yaml").write_text("unlearning: {dosis: [1]}\n")
    monkeypatch.setattr("sys.argv", ["power", "--configfile", str(tmp_path / "x.yaml")])
    with pytest.raises(SystemExit) as caught:
        power.main()
    message = str(caught.value)
    assert message.startswith("config error: unknown config key 'unlearning.dosis'")
    assert "\n" not in message
