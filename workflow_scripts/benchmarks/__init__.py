"""Stage benchmarks: queries and base-model answers, through lm-eval.

Raise VERSION when a number that this stage writes changes: its rules carry it as a
parameter, because Snakemake sees edits of a rule's script but not of modules it imports.
"""

VERSION = 2
