"""What a reader must know before a map is read: whether it can say anything at all."""

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
    # Imported here: the Snakefile imports this module for every job, and scipy takes half a second.
    from scipy.stats import binom

    return bool(binom.sf(correct - 1, questions, chance) < LEVEL)
