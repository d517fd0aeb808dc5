"""The numbers that the explorer's map can show, in words for people."""

from dataclasses import dataclass, replace
from math import floor, log10


@dataclass(frozen=True)
class Measure:
    """A number that the map can show.

    Attributes:
        key: its name in the page.
        label: its name for people.
        short: its name where there is little room.
        about: what it is, with unit and sign.
        digits: decimals shown; None for those that the largest number of a map asks for.
        shared: whether it compares between maps, which then share one colour scale.
    """

    key: str
    label: str
    short: str
    about: str
    digits: int | None
    shared: bool


MEASURES = (
    Measure(
        "z",
        "z: standardised over bins",
        "z",
        "Influence less its mean over bins, in standard deviations; positive = supports more than "
        "the average bin. Interval: that of influence on the same scale.",
        2,
        True,
    ),
    Measure(
        "robust_z",
        "Robust z: by median and MAD",
        "Robust z",
        "Influence less its median over bins, over 1.4826 times the median absolute deviation; "
        "positive = supports more than the median bin. One large bin does not move it.",
        2,
        True,
    ),
    Measure(
        "influence",
        "Influence: mean cosine",
        "Influence",
        "Mean cosine of the gradients of a bin's documents and the questions; positive = supports. "
        "Does not compare between benchmarks.",
        None,
        False,
    ),
    Measure(
        "shrunk",
        "Shrunk influence",
        "Shrunk",
        "Influence moved toward what the other bins of its topic and format lead one to expect, "
        "the more the noisier it is; mean cosine, positive = supports. It has no interval of its "
        "own. Does not compare between benchmarks.",
        None,
        False,
    ),
    Measure(
        "mass",
        "Weighted by natural mass",
        "Mass",
        "Influence above the corpus's mean, times the bin's share of the corpus's documents (all "
        "that the source has, not those drawn of each bin): where the whole corpus's push comes "
        "from; the map sums to 0; positive = supports. Mass counts documents, not tokens. Does not "
        "compare between benchmarks.",
        None,
        False,
    ),
    Measure(
        "gap",
        "Difference of z",
        "Difference",
        "Mean z on the benchmarks of the first side less mean z on those of the second; positive = "
        "supports the first side more.",
        2,
        True,
    ),
    Measure(
        "robust_gap",
        "Difference of robust z",
        "Robust difference",
        "Mean robust z on the benchmarks of the first side less that on those of the second; "
        "positive = supports the first side more. One large bin does not move the scale.",
        2,
        True,
    ),
)

# Names of a matrix's numbers: what they measure is known to those who made it.
OF_A_MATRIX = {
    "influence": {
        "label": "Value of the matrix",
        "short": "Value",
        "about": "The number that the matrix gives for the bin; positive = supports. Does not "
        "compare between benchmarks.",
    },
    "mass": {
        "label": "Weighted by the matrix's documents",
        "short": "Weighted",
        "about": "Value above the mean over the documents that the matrix counts, times the bin's "
        "share of them; the map sums to 0; positive = supports. Where counts were capped, as in a "
        "draw of so many documents a bin, the weights are those of the draw, not of the corpus. "
        "Does not compare between benchmarks.",
    },
}


def measures_of(present: set[str], matrix: bool) -> list[Measure]:
    """The measures that a study's maps have, in the words of its kind.

    Args:
        present: keys.
        matrix: whether the maps are an existing matrix.
    """
    kept = [measure for measure in MEASURES if measure.key in present]
    if not matrix:
        return kept
    kept = [replace(measure, **OF_A_MATRIX.get(measure.key, {})) for measure in kept]
    return [replace(each, about=_of_values(each.about)) for each in kept]


def _of_values(words: str) -> str:
    return words.replace("Influence", "Value").replace("that of influence", "that of the value")


def number_format(limit: float, digits: int | None) -> dict[str, int]:
    """Number format of a map: power of ten and decimals.

    One format for a map, so that its numbers align: the limit of its colours has
    three significant digits, in a power of a thousand where it would begin with zeros.

    Args:
        limit: of the colours, positive.
        digits: decimals that the measure asks for, or None.
    """
    if digits is not None:
        return {"power": 0, "digits": digits}
    size = floor(log10(limit))
    power = 0 if -2 <= size < 5 else 3 * (size // 3)
    return {"power": power, "digits": max(0, 2 - (size - power))}
