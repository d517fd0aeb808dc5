"""Stage model: a small model trained here, or a pinned reference to one.

Raise VERSION when a number that this stage writes changes: its rules carry it as a
parameter, because Snakemake sees edits of a rule's script but not of modules it imports.
"""

VERSION = 1
