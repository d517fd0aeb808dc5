"""Figures have a row for every scorer of their tables, whether or not the registry knows it."""

import polars as pl

from tests.report.conftest import DRAWN, TITLES, make_bins, make_explained, make_truth
from workflow_scripts.report.figures.explained_panels import draw_explained
from workflow_scripts.report.figures.planted_panel import draw_planted, judged_bins
from workflow_scripts.report.story.checks import truth as truth_on_the_page
from workflow_scripts.report.style import style
from workflow_scripts.validation.baselines.planted_truth import compare_with_truth
from workflow_scripts.validation.scorers import SCORERS, label_of, title_of

MADE = ("always", "listed", "switched")
NAMES = [scorer.name for scorer in SCORERS if scorer.asked in MADE]
FILLED = range(0, 576, 6)


def rows_of(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def test_planted_figure_and_page_have_every_scorer():
    names = ["trackstar", *NAMES, "mine"]
    bins, truth = make_bins(FILLED), make_truth()
    one = compare_with_truth(truth, {"trackstar": bins})
    planted = pl.concat([one.with_columns(scorer=pl.lit(name)) for name in names])
    judged = judged_bins(bins, truth)
    titles = {name: TITLES[name] for name in DRAWN}
    with style():
        figure = draw_planted(judged, planted, titles)
        few = draw_planted(judged, planted.filter(pl.col("scorer").is_in(names[:8])), titles)
    lower = figure.axes[len(DRAWN)]
    assert rows_of(lower) == list(map(label_of, names))
    tall, usual = (
        each.get_size_inches()[1] * each.axes[len(DRAWN)].get_position().height / count
        for each, count in ((figure, len(names)), (few, 8))
    )
    assert abs(tall - usual) < 0.01  # inches of a row
    page = "\n".join(truth_on_the_page(planted))
    assert all(title_of(name) in page for name in names)


def test_explained_figure_has_every_scorer_by_kind_and_the_unknown_last():
    made = make_explained(96)
    one = made.filter(scorer="tfidf")
    several = made.filter(pl.col("scorer").is_in(["texts", "all"]))
    alone = [one.with_columns(scorer=pl.lit(name)) for name in ("mine", *NAMES)]
    with style():
        figure = draw_explained(pl.concat([several, *alone]), TITLES, 0.95)
    rows = rows_of(figure.axes[0])
    assert set(rows) == {label_of(name) for name in ("texts", "all", "mine", *NAMES)}
    assert rows[-3:] == ["Shuffled documents", "Random numbers", "mine"]
    assert rows.index("Texts, all together") < rows.index("Gradient cosine")
