"""Stage unlearning: forget a region's documents, and see which benchmark suffers.

Raise VERSION when a number that this stage writes changes: its rules carry it as a
parameter, and an edit of code alone runs nothing again.
"""

VERSION = 5
