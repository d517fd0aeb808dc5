"""Errors, intervals and tests of bin means, and corrections for many bins."""
