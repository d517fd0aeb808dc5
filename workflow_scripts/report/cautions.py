"""What a reader must know before a map is read: whether it can say anything at all."""

import math

import polars as pl

# Level of the test whether a model answers better than one that guesses.
LEVEL = 0.025
GUESSED = (
    "the map shows which texts resemble the questions, not where a capability comes from: the "
    "model answers no better than by guessing"
)


def all_equal(bins: pl.DataFrame) -> bool:
    """Whether no bin supports a benchmark more than another."""
    return bins.height > 1 and bins["influence"].n_unique() == 1


def above_chance(correct: int, questions: int, chance: float) -> bool:
    """Whether the exact 95% binomial interval of an accuracy lies above chance.

    That is where so many right answers or more come from guessing with a probability below 0.025.

    Args:
        correct: questions answered correctly.
        questions: questions asked.
        chance: mean probability of guessing one.
    """
    if not 0 < chance < 1:
        return chance <= 0 < correct
    # By hand: the headline ends every run, and scipy.stats alone would take as long as all of it.
    log_chance, log_other = math.log(chance), math.log1p(-chance)
    terms = (
        math.lgamma(questions + 1)
        - math.lgamma(right + 1)
        - math.lgamma(questions - right + 1)
        + right * log_chance
        + (questions - right) * log_other
        for right in range(correct, questions + 1)
    )
    return math.fsum(map(math.exp, terms)) < LEVEL
