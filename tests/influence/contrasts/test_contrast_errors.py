"""Errors of contrasts: by hand, and the rates in worlds of unlike scale, questions and tasks."""

import numpy as np
import pytest
from scipy import stats

from tests.influence.contrasts.test_contrasts import CELLS, DRAWS, study, table_of
from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.contrasts.contrast_errors import (
    Law,
    error_parts,
    family_wise,
    law_of,
    noiseless_scale,
)
from workflow_scripts.influence.uncertainty.resampling import from_components
from workflow_scripts.influence.uncertainty.variance_components import components
from workflow_scripts.simulation.world_contrasts import (
    HARD,
    WEIGHTS,
    ContrastWorld,
    Side,
    calls_of,
    draw,
    maps_of,
)

ALL = np.ones(576, dtype=bool)


def share_with_a_call(world, maps, key):
    """Share of maps with a call by (p, q) on the axis bin."""
    rng = stream(3, "null", key)
    found = [calls_of(world, rng, draws=99)["bin"] for _ in range(maps)]
    return [np.mean([one[kind].any() for one in found]) for kind in ("p", "q")]


def test_the_law_of_one_part_is_students_t():
    law = Law(np.array([4.0]), np.array([7.0]), {"a": np.zeros((3, 1))})
    assert law.error[0] == 2
    np.testing.assert_allclose(law.quantile(0.05), 2 * stats.t.ppf(0.975, 7))
    np.testing.assert_allclose(law.p(np.array([5.0])), 2 * stats.t.sf(2.5, 7), rtol=0.01)


def test_draws_of_a_law_read_through_it_are_uniform():
    loadings = stream(1, "loadings").standard_normal((30, 5)) / 10
    law = Law(np.full(5, 0.2), np.full(5, 9.0), {"a": loadings, "b": loadings[:20]})
    p = law.p(law.draws(4000, stream(1, "draws")))
    assert np.abs(np.mean(p < 0.05, axis=0) - 0.05).max() < 0.015
    assert np.abs(np.mean(p < 0.5, axis=0) - 0.5).max() < 0.03


def test_variance_of_a_contrast_is_that_of_redrawn_studies():
    world = ContrastWorld((Side(), Side(queries=80, scale=0.1)), shared=0.6, spread=0.0)
    rng, values, variances = stream(2, "redrawn"), [], []
    for _ in range(40):
        maps = maps_of(draw(world, rng))
        parts = error_parts(maps, WEIGHTS, ALL)
        scaled = [maps[n].influence / maps[n].influence.std(ddof=1) for n in WEIGHTS]
        values.append(scaled[0] - scaled[1])
        variances.append(law_of(parts, np.eye(576), moderated=False).error ** 2)
    ratio = np.mean(variances) / np.var(values, axis=0, ddof=1).mean()
    assert ratio == pytest.approx(1, abs=0.05)


def test_whole_tasks_are_the_draws_of_a_benchmark_of_many_tasks():
    world = ContrastWorld((Side(queries=10, tasks=12), Side(queries=10, tasks=18)))
    maps = maps_of(draw(world, stream(4, "tasks")))
    parts = error_parts(maps, WEIGHTS, ALL)
    assert {name: len(part) for name, part in parts.questions.items()} == {
        "first": 12,
        "second": 18,
    }
    law = law_of(parts, np.eye(576), moderated=True)
    assert law.df_benchmark.ravel().tolist() == [11, 17]


def test_a_bin_of_one_fold_has_no_p_and_leaves_the_others_theirs():
    groups = draw(ContrastWorld((Side(), Side()), thin=3), stream(5, "one fold"))
    kept = [~((part.bins >= 573) & (part.folds > 0)) for part in groups]
    cut = [
        type(part)(*(getattr(part, name)[rows] for name in ("bins", "folds", "counts", "means")))
        for part, rows in zip(groups, kept, strict=True)
    ]
    parts = error_parts(maps_of(cut), WEIGHTS, ALL)
    law = law_of(parts, np.eye(576), moderated=True)
    together, alone = family_wise(np.ones(576), law, 99, stream(5, "draws"))
    assert np.isnan(together).nonzero()[0].tolist() == [573, 574, 575]
    assert np.isfinite(alone[:573]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "sides"),
    [
        ("tenfold scale and twice the question noise", (Side(), Side(scale=0.1).noisier(2))),
        ("40 against 400 questions", (Side().noisier(1.5), Side(queries=400))),
        (
            "12 against 18 tasks",
            (Side(10, tasks=12, task_sd=2 / 3), Side(10, tasks=18, task_sd=2 / 3)),
        ),
    ],
)
def test_maps_without_a_contrast_seldom_show_one(key, sides):
    """At 5%, 24 maps have 1.2 calls; 5 or more come in 0.6%. Exchanged questions: 57 to 90%."""
    p, q = share_with_a_call(ContrastWorld(sides, shared=0.5), 24, key)
    assert p <= 4 / 24 and q <= 4 / 24


@pytest.mark.slow
def test_a_noisier_map_of_the_same_truth_is_no_contrast():
    """A topic high on both maps: with the noise left in their scale 35% of maps had a call."""
    rng, found = stream(9, "alike"), []
    world = HARD["40 v 400 questions, a topic high on both sides"]
    for _ in range(24):
        calls = calls_of(world, rng, draws=99)["topic"]
        found.append([calls[kind].any() for kind in ("p", "q")])
    assert np.mean(found, axis=0).max() <= 4 / 24


def test_taking_noise_out_of_the_scale_gives_the_contrast_of_maps_without_noise():
    sides = (Side(question_sd=6), Side(queries=400))
    world = ContrastWorld(sides, spread=1.0, alike=24, effect=6.0)
    rng = stream(10, "scale")
    pairs = [maps_of(draw(world, rng)) for _ in range(6)]
    plain, adjusted = [], []
    for maps in pairs:
        z = [m.influence / m.influence.std(ddof=1) for m in maps.values()]
        plain.append((z[0] - z[1])[:24].mean() - (z[0] - z[1]).mean())
        adjusted.append(noiseless_scale(maps, WEIGHTS, ALL)[0][:24].mean())
    assert abs(np.mean(plain)) > 0.3 and abs(np.mean(adjusted)) < 0.15


def test_thin_bins_do_not_eat_the_power_of_the_rest():
    """Thirty bins of two documents: power for 20 contrasts was 0, and .97 without them."""
    rng, power = stream(6, "thin"), {}
    for thin in (0, 30):
        world = ContrastWorld((Side(), Side()), shared=0.5, thin=thin, real=20, effect=4.2)
        found = [calls_of(world, rng, draws=199)["bin"]["p"][:20] for _ in range(6)]
        power[thin] = np.mean(found)
    assert min(power.values()) >= 0.9


def test_intervals_of_a_thin_bin_are_wider_than_those_of_the_others():
    maps, _ = study(stream(7, "intervals"))
    rows = table_of(maps, CELLS, **DRAWS).filter(contrast="reasoning", axis="bin")
    assert (rows["ci_low"] < rows["value"]).all() and rows["n_clusters"].unique().to_list() == [40]
    own = from_components(
        components(draw(ContrastWorld((Side(), Side()), thin=30), stream(8, "w"))[0]), own=True
    )
    parts = error_parts({"a": own, "b": own}, {"a": 1.0}, ALL)
    width = law_of(parts, np.eye(576), moderated=False).quantile(0.05)
    assert np.median(width[-30:]) > 3 * np.median(width[:-30])
