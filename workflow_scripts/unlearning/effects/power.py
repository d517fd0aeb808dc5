"""Detectable difference of a design, from its size and assumed spreads, before it is run.

python -m workflow_scripts.unlearning.effects.power --configfile configs/x.yaml
"""

import argparse
import functools
import math
import sys
from dataclasses import dataclass

import numpy as np
from scipy.integrate import simpson
from scipy.optimize import brentq
from scipy.stats import chi, norm, t

ALPHA = 0.05
# Of the integral over the estimated spread; the power is right to 1e-6 with one degree of freedom.
GRID_POINTS = 4001


@dataclass(frozen=True)
class Spreads:
    """Assumed standard deviations of a paired difference of damage in accuracy (shares).

    Attributes:
        topic: of the true difference between topics.
        seed: between seeds of a topic.
        discordant: share of questions that exactly one of the two arms answers.
        question: of the true difference between questions, for all topics alike.
    """

    topic: float
    seed: float
    discordant: float
    question: float = 0.0


def spread_of_topic_mean(spreads: Spreads, n_seeds: int, n_questions: int) -> float:
    """Standard deviation of a topic's mean difference over its seeds.

    sqrt(topic^2 + (seed^2 + discordant / questions) / seeds): the difference of two arms on one
    question is -1, 0 or 1, with variance at most ``discordant``.
    """
    per_seed = spreads.seed**2 + spreads.discordant / n_questions
    return math.sqrt(spreads.topic**2 + per_seed / n_seeds)


def spread_of_topic(spreads: Spreads, n_topics: int, n_seeds: int, n_questions: int) -> float:
    """The spread that topics alone would need for the error which topics and questions give.

    sqrt(mean^2 + topics x question^2 / questions): all topics are asked the same questions, whose
    part of the error more topics do not lessen.
    """
    mean = spread_of_topic_mean(spreads, n_seeds, n_questions)
    return math.sqrt(mean**2 + n_topics * spreads.question**2 / n_questions)


def power_of(effect: float, spread: float, n_topics: int, alpha: float = ALPHA) -> float:
    """Power of the two-sided paired t-test, with the degrees of freedom of the topics.

    P(|Z + shift| > limit S) with Z normal and S the root of a chi-square over its n_topics - 1
    degrees, integrated over S. (SciPy's noncentral t returns NaN for few topics and large
    shifts, long before the power is 1.)
    """
    freedom, shift = n_topics - 1, effect / spread * math.sqrt(n_topics)
    limit, law = t.ppf(1 - alpha / 2, freedom), chi(freedom, scale=1 / math.sqrt(freedom))

    s = np.linspace(law.ppf(1e-12), law.isf(1e-12), GRID_POINTS)
    beyond = norm.sf(limit * s - shift) + norm.cdf(-limit * s - shift)
    return float(simpson(law.pdf(s) * beyond, x=s))


@functools.cache
def detectable(spread: float, n_topics: int, power: float, alpha: float = ALPHA) -> float | None:
    """Smallest difference that is found with this power; None below two topics."""
    if n_topics < 2 or not spread > 0:
        return None
    if power <= alpha:
        return 0.0
    beyond = spread
    while power_of(beyond, spread, n_topics, alpha) < power:
        beyond *= 2
    found = brentq(lambda effect: power_of(effect, spread, n_topics, alpha) - power, 0, beyond)
    return float(found)


def statement(n_topics: int, n_seeds: int, n_questions: int, spreads: Spreads, power: float) -> str:
    """The power of a design in a sentence."""
    spread = spread_of_topic(spreads, n_topics, n_seeds, n_questions)
    smallest = detectable(spread, n_topics, power)
    design = f"{n_topics} topics x {n_seeds} seeds, {n_questions:,} questions"
    if smallest is None:
        return f"{design}: no difference can be tested with fewer than two topics"
    return (
        f"{design}: a true difference of {100 * smallest:.1f} points is found with probability "
        f"{power:.0%} (paired t over topics and questions, two-sided {ALPHA:.0%}; assumed spread "
        f"of a topic's difference {100 * spread:.1f} points, its share of the questions' included)"
    )


def main() -> None:
    """Print the power of a study's unlearning, from its config alone."""
    from workflow_scripts.common.config.load import load_study
    from workflow_scripts.common.errors import AtlasError

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", default=None, help="overlay of config.yaml")
    arguments = parser.parse_args()
    try:
        config = load_study(arguments.configfile)
    except AtlasError as error:
        sys.exit(f"config error: {error}")
    settings, seeds = config["unlearning"], config["seeds"]["unlearning"]
    assumed = dict(settings["power"])
    n_questions, power = assumed.pop("questions"), assumed.pop("power")
    if not settings["benchmarks"]:
        sys.stdout.write(
            f"study {config['study']}: no unlearning (config key 'unlearning.benchmarks')\n"
        )
        return
    sentence = statement(
        len(settings["topics"]), len(seeds), n_questions, Spreads(**assumed), power
    )
    sys.stdout.write(f"{', '.join(settings['benchmarks'])}: {sentence}\n")


if __name__ == "__main__":
    main()
