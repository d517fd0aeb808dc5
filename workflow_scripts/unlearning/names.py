"""Names of arms, of what they share, and of the states in which an arm ends."""

TARGETED, RANDOM, BOTTOM, CONTROL, RETAIN = "targeted", "random", "bottom", "control", "retain"
ARMS = (TARGETED, RANDOM, BOTTOM)

# Every dose reached; the steps ran out before; the model broke.
REACHED, UNREACHED, COLLAPSED = "reached", "unreached", "collapsed"
