"""Stage influence: bin influence with its uncertainty, contrasts, correlations.

Raise VERSION when a number that this stage writes changes: its rules carry it as a
parameter, because Snakemake sees edits of a rule's script but not of modules it imports.
"""

VERSION = 9
