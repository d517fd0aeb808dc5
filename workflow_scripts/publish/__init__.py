"""A finished study as a folder to share.

Raise VERSION when what the folder holds changes: its rule carries it as a parameter, because
Snakemake sees edits of a rule's script but not of modules it imports.
"""

VERSION = 2
