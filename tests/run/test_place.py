"""Folders with a brace in their path are refused in one line."""

import pytest

from workflow_scripts.common.errors import ConfigError
from workflow_scripts.run.place import check_place


def test_a_brace_in_the_path_is_named():
    check_place("/data/my atlas [v1]", "/it's")
    with pytest.raises(ConfigError, match=r"'/data/\{a\}' has a brace"):
        check_place("/data", "/data/{a}")
