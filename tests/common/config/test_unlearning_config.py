"""The keys of unlearning: bad values fail in one line by name; overlays merge as Snakemake's."""

import copy

import pytest
import yaml

from workflow_scripts.common.config.load import ROOT, complete, load_study
from workflow_scripts.common.errors import ConfigError

DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def changed(**paths):
    """The default config with dotted keys (``__`` for dots) set."""
    config = copy.deepcopy(DEFAULT)
    for path, value in paths.items():
        *parents, last = path.split("__")
        section = config
        for name in parents:
            section = section.setdefault(name, {})
        section[last] = value
    return config


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ({"unlearning__dosis": [1]}, ["'unlearning.dosis'", "did you mean 'doses'?"]),
        ({"unlearning__method": "ngdif"}, ["'ngdif'", "'simnpo'", "did you mean 'ngdiff'?"]),
        ({"unlearning__parameters": "LoRA"}, ["'unlearning.parameters'", "'lora', 'full'"]),
        ({"unlearning__ranking": "random"}, ["'unlearning.ranking'", "'influence', 'shuffled'"]),
        ({"unlearning__arms": []}, ["'unlearning.arms' is []", "at least 1 items"]),
        ({"unlearning__arms": ["random", "targeted"]}, ["'unlearning.arms.1'", "'targeted'"]),
        (
            {"unlearning__arms": ["low", "bottom"]},
            ["'unlearning.arms' is ['low', 'bottom']", "lacks 'random'", "is 'low'"],
        ),
        (
            {"unlearning__other_benchmark": "stem_reasonin"},
            ["'unlearning.other_benchmark' is 'stem_reasonin'", "did you mean 'stem_reasoning'?"],
        ),
        (
            {"unlearning__other_benchmark": "stem_reasoning"},
            ["'unlearning.other_benchmark' is 'stem_reasoning'", "lacks 'other'", "add the arm"],
        ),
        (
            {
                "unlearning__arms": ["random", "other"],
                "unlearning__other_benchmark": "social_reasoning",
            },
            ["'social_reasoning'", "is one of 'unlearning.benchmarks'", "another benchmark"],
        ),
        (
            {"unlearning__registration": {"contrast": "targeted-similar"}},
            ["contrast' is 'targeted-similar'; allowed", "test, targeted-random, targeted-low"],
        ),
        (
            {"unlearning__registration": {"contrast": "random-targeted"}},
            ["contrast' is 'random-targeted'; allowed", "test, targeted-random"],
        ),
        ({"unlearning__cross_fit__benchmarks": -1}, ["'unlearning.cross_fit.benchmarks' is -1"]),
        ({"unlearning__cross_fit__topic": 1}, ["did you mean 'topics'?"]),
        ({"unlearning__documents": 1}, ["'unlearning.documents' is 1", "at least 2"]),
        ({"unlearning__retain_documents": 0}, ["'unlearning.retain_documents' is 0"]),
        ({"unlearning__control_share": 1.0}, ["'unlearning.control_share' is 1.0", "less than 1"]),
        ({"unlearning__candidates": 0}, ["'unlearning.candidates' is 0", "at least 1"]),
        ({"unlearning__caliper": 0}, ["'unlearning.caliper' is 0", "more than 0"]),
        ({"unlearning__max_difference": -1}, ["'unlearning.max_difference' is -1", "more than 0"]),
        ({"unlearning__control": "maybe"}, ["'unlearning.control' is 'maybe'", "boolean"]),
        ({"unlearning__rank": 0}, ["'unlearning.rank' is 0", "at least 1"]),
        ({"unlearning__doses": []}, ["'unlearning.doses' is []", "at least 1 items"]),
        ({"unlearning__doses": [0, 1]}, ["'unlearning.doses.0' is 0", "more than 0"]),
        ({"unlearning__doses": [0.5, 0.5]}, ["'unlearning.doses'", "without repeats"]),
        ({"unlearning__doses": [1.0, 0.5]}, ["'unlearning.doses' is [1.0, 0.5]", "increase"]),
        ({"unlearning__learning_rate": 0}, ["'unlearning.learning_rate' is 0", "more than 0"]),
        ({"unlearning__measure_every": 0}, ["'unlearning.measure_every' is 0", "at least 1"]),
        ({"unlearning__max_steps": 0}, ["'unlearning.max_steps' is 0", "at least 1"]),
        ({"unlearning__max_forget_share": 1.5}, ["'unlearning.max_forget_share'", "at most 1"]),
        ({"unlearning__max_retain_rise": 0}, ["'unlearning.max_retain_rise' is 0", "more than 0"]),
        ({"unlearning__beta": 0}, ["'unlearning.beta' is 0", "more than 0"]),
        ({"unlearning__gamma": -0.1}, ["'unlearning.gamma' is -0.1", "at least 0"]),
        ({"unlearning__retain_weight": -1}, ["'unlearning.retain_weight' is -1", "at least 0"]),
        ({"unlearning__equivalence": 1}, ["'unlearning.equivalence' is 1", "less than 1"]),
        ({"unlearning__power__power": 1}, ["'unlearning.power.power' is 1", "less than 1"]),
        ({"unlearning__power__discordant": 0}, ["'unlearning.power.discordant' is 0"]),
        ({"unlearning__power__topics": 1}, ["'unlearning.power.topics'", "did you mean 'topic'?"]),
        ({"seeds__unlearning": []}, ["'seeds.unlearning' is []", "at least 1 items"]),
        ({"seeds__unlearning": [1, 1]}, ["'seeds.unlearning'", "without repeats"]),
        ({"seeds__unlearning": 42}, ["'seeds.unlearning' is 42", "array"]),
        (
            {"unlearning__benchmarks": ["stem_reasonin"]},
            [
                "lacks 'stem_reasonin', which 'unlearning.benchmarks'",
                "did you mean 'stem_reasoning'?",
            ],
        ),
        ({"unlearning__topics": []}, ["'unlearning.topics' is []", "at least 1 items"]),
        (
            {"unlearning__topics": ["top00"]},
            ["'unlearning.topics' names 'top00'", "top01 to top24"],
        ),
        ({"unlearning__topics": ["top25"]}, ["'unlearning.topics' names 'top25'"]),
        ({"unlearning__topics": ["top1"]}, ["'unlearning.topics' names 'top1'"]),
        ({"unlearning__topics": ["top010"]}, ["'unlearning.topics' names 'top010'"]),
        (
            {"unlearning__topics": ["top01", "health"]},
            ["the slot 'top01' and the label 'health'", "slots alone or labels alone"],
        ),
        (
            {"unlearning__documents": 65, "corpus__documents_per_bin": 8},
            ["'unlearning.documents' is 65", "at most 192 documents", "lower it to 48"],
        ),
        ({"attribution__rows": "discard"}, ["'attribution.rows' is 'discard'", "'keep'"]),
    ],
)
def test_bad_value_is_one_line_that_names_key_value_and_what_is_allowed(paths, words):
    with pytest.raises(ConfigError) as caught:
        complete(changed(**paths))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_topic_label_with_a_slip_gets_the_nearest_label():
    from workflow_scripts.common.taxonomy import TOPICS

    assert complete(changed(unlearning__topics=[TOPICS[0], TOPICS[2]]))
    with pytest.raises(ConfigError, match=f"did you mean '{TOPICS[0]}'"):
        complete(changed(unlearning__topics=[TOPICS[0] + "s"]))


def test_slots_and_labels_are_not_mixed_since_they_may_be_the_same_topic():
    """It was refused only by the last job, after every run had been paid for."""
    with pytest.raises(ConfigError) as caught:
        complete(changed(unlearning__topics=["top01", "games"]))
    assert "names the slot 'top01' and the label 'games'" in str(caught.value)
    assert "use slots alone or labels alone" in str(caught.value)
    assert complete(changed(unlearning__topics=["top01", "top24"]))
    assert complete(changed(unlearning__topics=["health", "games"]))


def test_a_topic_that_the_planted_world_lacks_is_refused_before_it_runs():
    world = {"corpus__planted": {"topics": ["games", "health"]}}
    with pytest.raises(ConfigError, match=r"names 'top03', but .* 2 topics; .* top01 to top02"):
        complete(changed(unlearning__topics=["top03"], **world))
    with pytest.raises(ConfigError, match=r"names 'politics'.*allowed: games, health"):
        complete(changed(unlearning__topics=["politics"], **world))
    assert complete(changed(unlearning__topics=["top02"], **world))


@pytest.mark.parametrize(("share", "most"), [(0.5, 24), (0.9, 10), (0.2, 9)])
def test_a_forget_set_larger_than_a_topic_allows_is_refused_with_the_largest_that_fits(share, most):
    """4 x 24 = 96 documents a topic. Of the lower half (48) the bottom set takes as many as the
    controls: 24. A share of 0.9 leaves 10 of 96 to target, one of 0.2 gives 19 to the two sets.
    """
    paths = {"corpus__documents_per_bin": 4, "unlearning__control_share": share}
    assert complete(changed(unlearning__documents=most, **paths))
    with pytest.raises(ConfigError) as caught:
        complete(changed(unlearning__documents=most + 1, **paths))
    message = str(caught.value)
    assert f"'unlearning.documents' is {most + 1}; a topic has at most 96 documents" in message
    assert f"lower it to {most}, or raise corpus.documents_per_bin" in message
    assert "\n" not in message


def test_the_largest_allowed_forget_set_is_what_the_sets_can_hold():
    """The limit named at the start is the one that the sets have, in a full topic of twins."""
    import polars as pl

    from workflow_scripts.unlearning.selection.forget_sets import SetSettings, forget_sets

    for share, most in ((0.5, 24), (0.9, 10), (0.2, 9)):
        documents = pl.DataFrame({"doc_id": [f"d{i:02d}" for i in range(96)]}).with_columns(
            format=pl.lit("faq"), score=pl.int_range(96) / 96, n_tokens=pl.lit(9), loss=pl.lit(1.0)
        )
        sets = forget_sets(documents, SetSettings(most, 8, share, candidates=96), 0, "x")
        assert {rows.height for rows in sets.values()} == {most}
        with pytest.raises(ValueError, match="lower it"):
            forget_sets(documents, SetSettings(most + 1, 8, share, candidates=96), 0, "x")


def test_a_retain_set_larger_than_the_working_set_is_refused():
    """4,608 documents, of which the three sets of 6 take 18."""
    bins = {"corpus__documents_per_bin": 8}
    assert complete(changed(unlearning__retain_documents=4590, **bins))
    with pytest.raises(ConfigError, match=r"retain_documents' is 4591; .* at most 4590 documents"):
        complete(changed(unlearning__retain_documents=4591, **bins))


def test_rows_may_be_discarded_where_nothing_is_unlearned():
    full = complete(changed(attribution__rows="discard", unlearning__benchmarks=[]))
    assert full["attribution"]["rows"] == "discard"


def test_the_arm_of_another_benchmark_needs_one():
    paths = {"benchmarks": ["social_reasoning"], "unlearning__benchmarks": ["social_reasoning"]}
    arms = {"unlearning__arms": ["random", "other"]}
    assert complete(changed(**arms))
    with pytest.raises(ConfigError, match=r"names 'other', but there is one benchmark alone"):
        complete(changed(**paths, **arms))


def test_unlearning_is_off_where_the_config_does_not_name_it():
    config = changed(attribution__rows="discard")
    del config["unlearning"]
    full = complete(config)
    assert full["unlearning"]["benchmarks"] == []
    assert full["unlearning"]["power"]["power"] == 0.8


def test_doses_on_the_command_line_are_numbers():
    assert complete(changed(unlearning__doses=["0.25", "1"]))["unlearning"]["doses"] == [0.25, 1]


def test_a_study_is_the_default_config_under_its_overlay(tmp_path):
    """Mappings merge, lists and numbers replace, and the rest is as in config.yaml."""
    path = tmp_path / "x.yaml"
    path.write_text("unlearning: {topics: [top01], doses: [0.1, 0.2]}\nseeds: {unlearning: [7]}\n")
    full, base = load_study(path), load_study()
    assert base == complete(DEFAULT)
    assert full["unlearning"]["topics"] == ["top01"] and full["unlearning"]["doses"] == [0.1, 0.2]
    assert full["seeds"]["unlearning"] == [7]
    assert full["unlearning"]["benchmarks"] == base["unlearning"]["benchmarks"]
    assert full["corpus"] == base["corpus"] and full["benchmarks"] == base["benchmarks"]


def test_an_empty_overlay_changes_nothing(tmp_path):
    (tmp_path / "x.yaml").write_text("# nothing\n")
    assert load_study(str(tmp_path / "x.yaml")) == load_study()


@pytest.mark.parametrize(
    "text",
    [None, b"study: [x", b"- a\n- b\n", b"\tstudy: x", b"a:\n  b: 1\n c: 2\n", b"study: x\xff"],
    ids=["missing", "broken", "a list", "a tab", "indented", "not UTF-8"],
)
def test_an_overlay_that_cannot_be_read_is_refused_by_name(tmp_path, text):
    path = tmp_path / "x.yaml"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        load_study(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_overlay_with_a_bad_key_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("unlearning: {dose: [1]}\n")
    with pytest.raises(ConfigError, match=r"'unlearning\.dose'.*did you mean 'doses'"):
        load_study(tmp_path / "x.yaml")
