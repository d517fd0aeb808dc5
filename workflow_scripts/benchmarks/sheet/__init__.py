"""A benchmark on one page, for ``make check-benchmark``."""
