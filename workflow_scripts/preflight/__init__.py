"""Costs of a study, from its config alone, and the resources of each rule.

The rules take their memory, time and GPUs from here, and so does the plan that is shown before
the run: the two cannot disagree. Nothing here changes a byte of a result.
"""
