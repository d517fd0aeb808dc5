"""Commands that measure: not part of a study, run by hand or by ``make``."""
