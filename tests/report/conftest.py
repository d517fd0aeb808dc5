"""Synthetic studies on disk: maps, contrasts, answers and planted truth."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tests.validation.conftest import filled_columns
from workflow_scripts.common.files import write_json
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.agreement.correlations import correlation_table
from workflow_scripts.influence.axes.marginals import marginal_table
from workflow_scripts.influence.bins.bin_table import GroupMeans, bin_influence
from workflow_scripts.influence.bins.composition import Makeup
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.report.figures import lexical_panels
from workflow_scripts.validation.baselines.planted_truth import compare_with_truth

TITLES = {
    "social_reasoning": "Social reasoning",
    "social_knowledge": "Social knowledge",
    "stem_reasoning": "STEM reasoning",
    "stem_knowledge": "STEM knowledge",
}
FOLDS, QUESTIONS = 4, 30
# Two of the four benchmarks are enough to see that each gets its own figure.
DRAWN = ["social_reasoning", "stem_knowledge"]


def role_of(index, number):
    """Role and dose of bin ``index`` for benchmark ``number``: a few rows of bins each."""
    place = index - 40 * number
    if 0 <= place < 12:
        return "support", (0.25, 0.5, 1.0)[place % 3]
    if 12 <= place < 24:
        return "contradiction", (0.25, 0.5, 1.0)[place % 3]
    return ("decoy", 0.0) if 24 <= place < 30 else ("neutral", 0.0)


def make_truth():
    rows = [
        {"benchmark": name, "topic": topic, "format": format_}
        | dict(zip(("role", "dose"), role_of(index, number), strict=True))
        for number, name in enumerate(TITLES)
        for index, (topic, format_) in enumerate(BINS)
    ]
    return pl.DataFrame(rows)


def make_bins(filled=range(576), strength=1.0, outlier=0.0):
    """A table like ``influence/bin_influence`` with planted support and contradiction."""
    frames = []
    sign = {"support": 1.0, "contradiction": -0.7, "decoy": 0.0, "neutral": 0.0}
    for number, name in enumerate(TITLES):
        rng = stream(5, "synthetic", name)
        bins = np.repeat(list(filled), FOLDS)
        role, dose = zip(*(role_of(index, number) for index in bins), strict=True)
        effect = 0.2 * strength * np.array([sign[r] * d for r, d in zip(role, dose, strict=True)])
        noise = rng.normal(0, 0.02, len(bins))[:, None] + rng.normal(
            0, 0.02, (len(bins), QUESTIONS)
        )
        means = effect[:, None] + noise + outlier * (bins == bins[0])[:, None]
        groups = GroupMeans(
            bins, np.tile(np.arange(FOLDS), len(bins) // FOLDS), np.full(len(bins), 2), means
        )
        table = bin_influence(groups, Makeup.of_sites(np.full(len(BINS), FOLDS)), None)
        frames.append(table.with_columns(benchmark=pl.lit(name)))
    return pl.concat(frames)


def left_out(value):
    """Range of a topic or format without one of its bins."""
    labels = dict.fromkeys(("loo_topic", "loo_format"))
    if value is None:
        return {"loo_low": None, "loo_high": None, **labels}
    pair = dict(zip(labels, BINS[0], strict=True))
    return {"loo_low": value - 0.3, "loo_high": value + 0.1, **pair}


def make_contrasts(known):
    """A table like ``influence/contrasts`` over the bins in ``known``."""
    rng = stream(6, "contrasts")
    units = {
        "bin": [(t, f, index in known) for index, (t, f) in enumerate(BINS)],
        "topic": [(t, None, any(BINS[i][0] == t for i in known)) for t in TOPICS],
        "format": [(None, f, any(BINS[i][1] == f for i in known)) for f in FORMATS],
    }
    rows = []
    for contrast in ("reasoning", "knowledge", "difference"):
        for axis, members in units.items():
            for topic, format_, there in members:
                value = float(rng.normal()) if there else None
                rows.append(
                    {
                        "contrast": contrast,
                        "axis": axis,
                        "topic": topic,
                        "format": format_,
                        "value": value,
                        "ci_low": value - 0.6 if there else None,
                        "ci_high": value + 0.6 if there else None,
                        "p_value": min(1.0, np.exp(-abs(value) * 2)) if there else None,
                        "q_value": min(1.0, np.exp(-abs(value))) if there else None,
                        "robust_value": 1.2 * value if there else None,
                        **left_out(value if there and axis != "bin" else None),
                        "n_clusters": 40,
                        "confounded": contrast == "difference",
                    }
                )
    return pl.DataFrame(rows, infer_schema_length=None)


def make_correlations(bins):
    """The table ``influence/correlations`` of the two maps that are drawn."""
    maps = {
        name: bins.filter(benchmark=name)["influence"].to_numpy().astype(float) for name in DRAWN
    }
    return correlation_table(StudyMaps(maps))


def make_marginals(bins, names=tuple(TITLES)):
    """The table ``influence/marginals`` of these maps, with errors of 0.3 z in every bin."""
    columns = {
        column: {
            name: bins.filter(benchmark=name)[column].to_numpy().astype(float) for name in names
        }
        for column in ("influence", "n_docs")
    }
    influence = columns["influence"]
    rng = stream(8, "marginals")
    errors = {
        name: 0.3 * rng.standard_normal((99, 576)) + 0 * values
        for name, values in influence.items()
    }
    maps = StudyMaps(influence, resampling=dict.fromkeys(names), errors=errors)
    return marginal_table(maps, columns["n_docs"], 0.95, 8)


def make_reliability(n_bins):
    """A table like ``influence/reliability`` of the two maps; one is too thin for halves."""
    rows = [
        {
            "benchmark": name,
            "over": over,
            "n_units": 120,
            "n_bins": n_bins,
            "n_left_out": 576 - n_bins,
            "n_splits": 99,
            "pearson": 0.6,
            "corrected": 0.75,
            "ci_low": 0.7,
            "ci_high": 0.8,
        }
        for name in DRAWN
        for over in ("documents", "questions")
    ]
    rows[-1] |= dict.fromkeys(("pearson", "corrected", "ci_low", "ci_high"))
    rows[-1]["reason"] = "fewer than two questions"
    return filled_columns("influence/reliability", pl.DataFrame(rows, infer_schema_length=None))


def make_budget(names=DRAWN):
    """A table like ``influence/error_budget``: one projection in the last map, one model in all."""
    rows = []
    for place, name in enumerate(names):
        known = place < len(names) - 1
        rows.append(
            {
                "benchmark": name,
                "se": 0.002,
                "se_total": 0.0021,
                "se_ratio": 1.05,
                "in_sd": 0.31,
                "share_documents": 0.6,
                "share_questions": 0.3 if known else 0.4,
                "share_projection": 0.1 if known else None,
                "share_model": None,
                "projection_in_se": 0.5 if known else None,
                "missing": "training (one model)",
            }
        )
        topic, format_ = BINS[0]
        rows.append(rows[-1] | {"topic": topic, "format": format_, "in_sd": 0.9})
    return filled_columns("influence/error_budget", pl.DataFrame(rows, infer_schema_length=None))


def make_words(n_bins):
    """A table like ``influence/lexical_profile``: a bin and pairs of groups, one without quotes."""
    top, formats = ("top", "rest"), ("interactional", "expository")
    pairs = [(name, *top, "top 5%" if name == DRAWN[1] else "q_unusual < 0.05") for name in DRAWN]
    rows = []
    for name, *pair, selection in [*pairs, (None, *formats, None)]:
        for place, group in enumerate((*pair, " - ".join(pair))):
            for number, measure in enumerate(lexical_panels.MEASURES):
                value = (12.5, 4.0, 8.5)[place] + number
                empty = measure == "quotes" and name == DRAWN[1]
                rows.append(
                    {
                        "group": group,
                        "benchmark": name,
                        "measure": measure,
                        "value": None if empty else value,
                        "ci_low": None if empty else value - number - 3,
                        "ci_high": None if empty else value + 3,
                        "n_bins": (7, n_bins - 7, n_bins)[place],
                        "n_docs": (70, 1400, 1470)[place],
                        "n_words": 1000,
                        "selection": selection,
                    }
                )
    rows.append(rows[0] | {"group": "bin", "topic": TOPICS[0], "format": FORMATS[0]})
    rows[-1] |= {"benchmark": None, "selection": None}
    return filled_columns("influence/lexical_profile", pl.DataFrame(rows, infer_schema_length=None))


def make_explained(n_bins):
    """A table like ``validation/explained`` of three scorers and two fits of several."""
    rows = [
        {
            "benchmark": name,
            "scorer": scorer,
            "n_bins": n_bins,
            "n_scorers": 1 if spearman else 3,
            "r2": max(share, 0.0),
            "r2_adjusted": share,
            "r2_low": share - 0.01,
            "r2_high": share + 0.2,
            "reliability": 0.8,
            "r2_of_reliable": share / 0.8,
            "spearman": spearman,
            "spearman_low": spearman and spearman - 0.1,
            "spearman_high": spearman and spearman + 0.1,
        }
        for name in TITLES
        for scorer, share, spearman in (
            ("tfidf", 0.05, 0.2),
            ("cosine", 0.7, 0.6),
            ("shuffled", -0.002, -0.03),
            ("texts", 0.06, None),
            ("all", 0.75, None),
        )
    ]
    return pl.DataFrame(rows)


@pytest.fixture(scope="session", params=["full", "twelve", "outlier"])
def study(request, tmp_path_factory):
    """A finished study on disk: all bins, 12 of them, or one that dwarfs the others."""
    folder = tmp_path_factory.mktemp(request.param) / "made_up"
    known = range(0, 576, 48) if request.param == "twelve" else range(576)
    bins = make_bins(known, outlier=3.0 if request.param == "outlier" else 0.0)
    truth = make_truth()
    paths = SimpleNamespace(
        folder=folder,
        bins=folder / "influence" / "bin_influence.parquet",
        contrasts=folder / "influence" / "contrasts.parquet",
        correlations=folder / "influence" / "correlations.parquet",
        reliability=folder / "influence" / "reliability.parquet",
        marginals=folder / "influence" / "marginals.parquet",
        truth=folder / "corpus" / "truth.parquet",
        planted=folder / "validation" / "planted.parquet",
        lexical_profile=folder / "influence" / "lexical_profile.parquet",
        error_budget=folder / "influence" / "error_budget.parquet",
        explained=folder / "validation" / "explained.parquet",
        cautions=folder / "report" / "cautions.json",
        figures=folder / "report" / "figures",
        kind=request.param,
    )
    write_json(paths.cautions, [])
    write_table(bins, paths.bins, "influence/bin_influence")
    write_table(make_contrasts(set(known)), paths.contrasts, "influence/contrasts")
    write_table(make_correlations(bins), paths.correlations, "influence/correlations")
    write_table(make_reliability(len(known)), paths.reliability, "influence/reliability")
    write_table(make_marginals(bins, DRAWN), paths.marginals, "influence/marginals")
    write_table(make_budget(), paths.error_budget, "influence/error_budget")
    write_table(make_words(len(known)), paths.lexical_profile, "influence/lexical_profile")
    write_table(make_explained(len(known)), paths.explained, "validation/explained")
    write_table(truth, paths.truth, "corpus/truth")
    maps = {"trackstar": bins, "tfidf": make_bins(known, 0.1), "shuffled": make_bins(known, 0.0)}
    write_table(compare_with_truth(truth, maps), paths.planted, "validation/planted")
    for name in TITLES:
        place = folder / "benchmarks" / name
        answers = pl.DataFrame(
            {
                "query_id": [f"q{i:02d}" for i in range(QUESTIONS)],
                "correct": [i % 10 != 0 for i in range(QUESTIONS)],
            }
        )
        queries = answers.select("query_id").with_columns(choices=pl.lit(["a", "b", "c", "d"]))
        for table, frame in (("answers", answers), ("queries", queries)):
            frame = filled_columns(f"benchmarks/{table}", frame)
            write_table(frame, place / f"{table}.parquet", f"benchmarks/{table}")
    return paths
