"""The numbers that the explorer's map can show, in words for people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A number that the map can show.

    Attributes:
        key: its name in the page.
        label: its name for people.
        about: what it is, with unit and sign.
        digits: decimals shown; 0 for three significant digits.
        shared: whether it compares between maps, which then share one colour scale.
    """

    key: str
    label: str
    about: str
    digits: int
    shared: bool


MEASURES = (
    Measure(
        "z",
        "z: standardised over bins",
        "Influence less its mean over bins, in standard deviations; positive = supports more than "
        "the average bin. Interval: that of influence on the same scale.",
        2,
        True,
    ),
    Measure(
        "robust_z",
        "Robust z: by median and MAD",
        "Influence less its median over bins, over 1.4826 times the median absolute deviation; "
        "positive = supports more than the median bin. One large bin does not move it.",
        2,
        True,
    ),
    Measure(
        "influence",
        "Influence: mean cosine",
        "Mean cosine of the gradients of a bin's documents and the questions; positive = supports. "
        "Does not compare between benchmarks.",
        0,
        False,
    ),
    Measure(
        "shrunk",
        "Shrunk influence",
        "Influence moved toward what the other bins of its topic and format lead one to expect, "
        "the more the noisier it is; mean cosine, positive = supports. It has no interval of its "
        "own. Does not compare between benchmarks.",
        0,
        False,
    ),
    Measure(
        "mass",
        "Weighted by natural mass",
        "Influence above the corpus's mean, times the bin's share of the corpus's documents: where "
        "the whole corpus's push comes from; the map sums to 0; positive = supports. Mass counts "
        "documents. Does not compare between benchmarks.",
        0,
        False,
    ),
    Measure(
        "gap",
        "Difference of z",
        "z on the social benchmarks less z on the STEM ones; positive = supports the social ones "
        "more. For reasoning less knowledge: the difference of the two.",
        2,
        True,
    ),
)
