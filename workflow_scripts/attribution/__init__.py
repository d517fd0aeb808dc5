"""Stage attribution: preconditioner, document rows and sketches, query rows, scores.

Raise VERSION when a number that this stage writes changes: its rules carry it as a
parameter, and an edit of code alone runs nothing again.
"""

VERSION = 2
