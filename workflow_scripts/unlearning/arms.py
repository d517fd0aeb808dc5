"""Names of arms, of what they share, and of the states in which an arm ends."""

from collections.abc import Sequence

TARGETED, RANDOM, LOW, BOTTOM = "targeted", "random", "low", "bottom"
SIMILAR, OTHER, LONGEST = "similar", "other", "longest"
CONTROL, RETAIN = "control", "retain"
# Arms that targeted may be compared with, in the order of tables and figures.
COMPARED = (RANDOM, LOW, BOTTOM, SIMILAR, OTHER, LONGEST)
ARMS = (TARGETED, *COMPARED)
# Arms whose documents are matched one to one with the targeted ones.
MATCHED = (RANDOM, LOW)

# Cross-fitting: each question is asked of the model whose documents the other half chose.
HALVES = ("a", "b")
CROSSED_TARGETED, CROSSED_RANDOM = "crossed_targeted", "crossed_random"

# Every dose reached; the steps ran out before; the model broke.
REACHED, UNREACHED, COLLAPSED = "reached", "unreached", "collapsed"


def of_half(arm: str, half: str) -> str:
    """The arm whose documents one half of the questions chose, such as ``targeted_a``."""
    return f"{arm}_{half}"


def tested_contrasts(arms: Sequence[str], control: bool) -> list[str]:
    """Differences of two arms that a study with these arms tests.

    Args:
        arms: that targeted is compared with.
        control: true where documents of any topic are forgotten too.
    """
    found = [f"{TARGETED}-{arm}" for arm in (*arms, *([CONTROL] if control else []))]
    return found + [f"{arm}-{RANDOM}" for arm in (BOTTOM, LOW) if {arm, RANDOM} <= {*arms}]


CROSS_FITTED_ARMS = tuple(of_half(arm, half) for half in HALVES for arm in (TARGETED, RANDOM))
