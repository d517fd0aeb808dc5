"""Names of arms, of what they share, and of the states in which an arm ends."""

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


CROSS_FITTED_ARMS = tuple(of_half(arm, half) for half in HALVES for arm in (TARGETED, RANDOM))
