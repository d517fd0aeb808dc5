"""The primary test, and whether it was named before the first answer."""

import polars as pl
import pytest

from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.common.provenance import recorded_params
from workflow_scripts.unlearning.effects.registration import (
    first_digest,
    keep_first,
    registration_digest,
    registration_of,
    with_primary,
)

STUDY = {"study": "s", "benchmarks": ["a", "b"], "unlearning": {"benchmarks": ["a", "b"]}}


def study(**named):
    unlearning = STUDY["unlearning"] | ({"registration": named} if named else {})
    return complete(STUDY | {"unlearning": unlearning})


def cells_of(target, dose, contrast="targeted-random"):
    kinds = ("matched", "all") if contrast == "targeted-random" else ("all",)
    return [
        {
            "target": target, "evaluated": evaluated, "contrast": contrast, "pairs": pairs,
            "measure": measure, "dose": dose, "at_floor": False,
        }
        for evaluated in ("a", "b")
        for pairs in kinds
        for measure in ("accuracy", "margin")
    ]  # fmt: skip


TABLE = pl.DataFrame(
    [row for target in "ab" for dose in (0.5, 1.0) for row in cells_of(target, dose)]
    + cells_of("a", 1.0, "targeted-bottom")
)


def test_one_test_of_each_registered_benchmark_is_primary():
    named = registration_of(study())
    recorded = {name: {registration_digest(named)} for name in "ab"}
    found = with_primary(TABLE, named, recorded)
    primary = found.filter("primary")
    assert primary.select("target", "evaluated", "pairs", "measure", "dose").rows() == [
        ("a", "a", "matched", "accuracy", 1.0),
        ("b", "b", "matched", "accuracy", 1.0),
    ]
    assert set(primary["registered"]) == {"before"}
    assert set(found.filter(~pl.col("primary"))["registered"]) == {"exploratory"}


def test_a_dose_at_chance_is_not_primary_unless_it_is_named():
    floor = TABLE.with_columns(at_floor=pl.col("dose") == 1.0)
    for dose, primary in ((0, 0.5), (1.0, 1.0)):
        found = with_primary(floor, registration_of(study(dose=dose)), {})
        assert set(found.filter("primary")["dose"]) == {primary}


def test_a_registration_changed_after_the_answers_is_told():
    """Also where topics were added: one evaluation carries the older digest."""
    first = registration_digest(registration_of(study()))
    named = registration_of(study(contrast="targeted-bottom"))
    today = registration_digest(named)
    found = with_primary(TABLE, named, {"a": {first, today}, "b": {today}}).filter("primary")
    assert found.select("target", "pairs", "registered").rows() == [("a", "all", "after")]


def test_an_evaluation_made_again_keeps_the_first_digest(tmp_path):
    place = tmp_path / "registered" / "a-top01-a"
    assert first_digest(place, "one") == "one"
    keep_first(place, "one")
    assert first_digest(place, "two") == "one"


def test_a_changed_registration_makes_no_evaluation_again():
    assert recorded_params([("noted", {"registration": "x"}), ("version", 1)]) == {"version": 1}


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"benchmarks": ["c"]}, "registration.benchmarks' names 'c'; allowed"),
        ({"dose": 0.7}, "registration.dose' is 0.7; allowed: 0 (the largest above chance), 0.5, 1"),
        ({"contrast": "targeted-none"}, "registration.contrast' is 'targeted-none'; allowed"),
        ({"contrast": "targeted-control"}, "registration.contrast' is 'targeted-control'"),
    ],
)
def test_what_is_not_measured_cannot_be_registered(named, words):
    with pytest.raises(ConfigError) as caught:
        study(**named)
    assert words in str(caught.value)
