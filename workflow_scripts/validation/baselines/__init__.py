"""Scorers that a map is compared with, and its recovery of the planted truth."""
