"""Stage benchmarks: queries and base-model answers, through lm-eval.

Raise VERSION when a number that this stage writes changes: its rules carry it as a
parameter, and an edit of code alone runs nothing again.
"""

VERSION = 3
