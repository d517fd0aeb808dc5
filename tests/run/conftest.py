"""Finished studies on disk, as the tests of the report have them."""

from tests.report.conftest import study  # noqa: F401
