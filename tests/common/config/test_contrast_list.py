"""The config key contrasts: what is allowed, the one line of what is not, and the weights."""

import pytest

from workflow_scripts.common.config.contrast_list import weights_of
from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError

STUDY = {"study": "x", "benchmarks": ["a", "b", "c"]}


def contrast(name, plus, minus, **more):
    return {"name": name, "plus": plus, "minus": minus, **more}


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ([contrast("x", ["a"], ["d"])], r"'contrasts.0.minus' names 'd'; allowed: .*a, b, c"),
        ([contrast("x", ["a"], ["b", "a"])], "'contrasts.0' has 'a' in plus and in minus"),
        ([contrast("x", ["a"], ["b"])] * 2, "'contrasts.1.name' is 'x', the name of a contrast"),
        ([contrast("a", ["c"], ["b"])], "'contrasts.0.name' is 'a', the name of a benchmark"),
        ([contrast("x:y", ["a"], ["b"])], "'contrasts.0.name' is 'x:y'; allowed: string, matching"),
        ([contrast("x", ["a"], [])], "'contrasts.0.minus' is .*at least 1 items"),
        ([contrast("x", ["a"], ["b"], title="{b}")], "'contrasts.0.title'"),
        ([{"name": "x", "plus": ["a"]}], "contrasts.0.minus' is missing"),
        (
            [contrast("y", ["x"], ["c"]), contrast("x", ["a"], ["b"])],
            "'contrasts.0.plus' names 'x'",
        ),
        (
            [contrast(n, ["a"], ["b"]) for n in "xy"] + [contrast("z", ["x"], ["y"])],
            "sides of 'z' have the same weights",
        ),
    ],
)
def test_a_contrast_that_cannot_be_made_is_refused_in_one_line(listed, words):
    with pytest.raises(ConfigError, match=words) as caught:
        complete(STUDY | {"contrasts": listed})
    assert "\n" not in str(caught.value)


def test_without_the_key_it_is_null_and_an_empty_list_stays():
    assert complete(STUDY)["contrasts"] is None
    assert complete(STUDY | {"contrasts": []})["contrasts"] == []


def test_a_side_is_the_mean_of_what_it_lists_and_may_list_contrasts_above():
    listed = [
        contrast("form", ["a", "b"], ["c"]),
        contrast("other", ["a"], ["c"]),
        contrast("gap", ["form"], ["other"]),
    ]
    assert complete(STUDY | {"contrasts": listed})["contrasts"] == listed
    weights = weights_of(listed, STUDY["benchmarks"])
    assert weights["form"] == {"a": 0.5, "b": 0.5, "c": -1.0}
    # c is on both and cancels.
    assert weights["gap"] == {"a": -0.5, "b": 0.5}
