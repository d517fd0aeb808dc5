"""Paths and times of the files that a person names."""

import os
import time

import pytest

from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.common.paths import (
    SECONDS_AHEAD,
    check_files,
    check_folders,
    check_python,
    path_problem,
)


@pytest.mark.parametrize(
    "path", ["corpus [v1]", "it's", 'the "best"', "été 東京", "100% & $x", "no\u00a0break", "a=b"]
)
def test_everyday_names_are_carried(path):
    assert path_problem(path) is None


@pytest.mark.parametrize("path", ["corpus {v1}", "a\nb", "a\tb", "a\x00b", "a\u2028b", "\udce9"])
def test_names_that_no_one_can_carry_are_one_line_in_config_and_files(path):
    settings = {"study": "t", "benchmarks": ["b"], "data": path}
    for check in (lambda: complete(settings), lambda: check_files([path])):
        with pytest.raises(ConfigError, match=r"rename it, or name a link") as error:
            check()
        assert "\n" not in str(error.value)


def test_home_folder_is_written_out():
    with pytest.raises(ConfigError, match=r"'data' is '~/corpus'.*write the folder out"):
        complete({"study": "t", "benchmarks": ["b"], "data": "~/corpus"})


def test_file_of_a_time_to_come_is_refused_with_the_way_out(tmp_path):
    """Snakemake stopped after the first job: its output was older than the source."""
    file = tmp_path / "it's.jsonl"
    file.touch()
    check_files([str(file), "not/there"])
    os.utime(file, (0, time.time() + SECONDS_AHEAD - 2))
    check_files([str(file)])
    os.utime(file, (0, time.time() + 3600))
    with pytest.raises(ConfigError, match=r"it's\.jsonl.*is dated .*clock.*touch '/") as error:
        check_files([str(file)])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("folder", ["my project", "it's", "a&b"])
def test_environment_in_a_folder_that_snakemake_cannot_name_is_one_line(folder):
    """Every job ended with 'unexpected EOF while looking for matching quote'."""
    check_python("/home/josé/atlas-1.0_x[2]/.venv/bin/python3.11")
    with pytest.raises(ConfigError, match="from where Snakemake cannot start it") as error:
        check_python(f"/home/me/{folder}/.venv/bin/python")
    assert "\n" not in str(error.value)


def test_a_brace_in_the_projects_own_folder_is_named():
    check_folders("/data/my atlas [v1]", "/it's")
    with pytest.raises(ConfigError, match=r"the folder '/data/\{a\}' has braces"):
        check_folders("/data", "/data/{a}")
