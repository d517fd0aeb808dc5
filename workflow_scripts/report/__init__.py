"""Stage report: figures, the tables behind them, and the headline numbers.

Raise VERSION when a number that this stage writes changes: its rules carry it as a
parameter, because Snakemake sees edits of a rule's script but not of modules it imports.
"""

VERSION = 5
