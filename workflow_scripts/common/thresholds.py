"""Thresholds that several stages must share, so that figures, tables and text agree."""

# Below this q (or family-wise p) a bin is marked in figures and counted as a discovery.
SIGNIFICANT = 0.05
