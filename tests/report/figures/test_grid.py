"""The grid of bins: places, colours and what is not known."""

import numpy as np
import polars as pl
import pytest
from matplotlib.collections import QuadMesh

from workflow_scripts.report.figures.grid import Shown, colour_scale, draw_grid, grid, row_means
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.style import new_figure, style


def test_a_bin_lies_at_its_topic_and_format_and_the_rest_is_nan():
    frame = pl.DataFrame(
        {"topic": ["art_and_design", "games"], "format": ["about_pers", "faq"], "z": [1.5, None]}
    )
    values = grid(frame, "z")
    assert values[1, 1] == 1.5
    assert np.isfinite(values).sum() == 1


def test_empty_bins_are_not_drawn_as_zero():
    values = np.full((24, 24), np.nan)
    values[3, 4], values[5, 6] = 0.0, 2.0
    axes = drawn_grid(values)
    mesh = next(item for item in axes.collections if isinstance(item, QuadMesh))
    masked = np.ma.getmaskarray(mesh.get_array()).reshape(2, 2)
    assert masked.tolist() == [[False, True], [True, False]]
    assert axes.patch.get_hatch()


def drawn_grid(values):
    with style():
        axes = new_figure().add_axes((0, 0, 1, 1))
        draw_grid(axes, values, 2.0, Shown.of(values))
    return axes


def test_rows_and_columns_without_any_value_are_left_out_and_counted():
    values = np.full((24, 24), np.nan)
    values[3:5, 7] = 1.0
    axes = drawn_grid(values)
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "Education & jobs",
        "Electronics & hardware",
    ]
    assert len(axes.get_xticklabels()) == 1 and not axes.patch.get_hatch()
    note = Shown.of(values).note()
    assert note == "drawn: 2 of 24 topics and 1 of 24 formats; the others have no documents"
    assert Shown.of(np.zeros((24, 24))).note() == ""


def test_limits_are_symmetric_and_reach_the_largest_value():
    scale = colour_scale(np.array([[-3.0, 2.9, 2.8, np.nan]]))
    assert (scale.limit, scale.n_clipped) == (3.0, 0)
    assert scale.note() == ""


def test_one_outlier_bin_does_not_pale_the_others_and_the_figure_says_so():
    values = np.linspace(-3, 3, 576).reshape(24, 24)
    values[0, 0] = -20.0
    scale = colour_scale(values)
    assert scale.limit == pytest.approx(np.sort(np.abs(values).ravel())[-3])
    assert scale.n_clipped <= 2
    assert "20.0" in scale.note()


def test_outlier_among_twelve_bins_is_clipped_too():
    values = np.full((24, 24), np.nan)
    values.flat[:12] = [9.0, *np.linspace(-1, 1, 11)]
    scale = colour_scale(values)
    assert (scale.limit, scale.n_clipped) == (1.0, 1)


@pytest.mark.parametrize("values", [np.full((24, 24), np.nan), np.zeros((24, 24))])
def test_maps_without_spread_have_a_scale(values):
    assert colour_scale(values).limit == 1.0


def test_side_means_take_filled_bins_alone():
    values = np.full((24, 24), np.nan)
    values[2, :3] = [1.0, 2.0, 6.0]
    means = row_means(values, axis=1)
    assert means[2] == 3.0
    assert np.isnan(means[3])


def test_words_for_counts_and_missing_numbers():
    assert counted(1, "bin") == "1 bin"
    assert counted(4608, "document") == "4,608 documents"
    assert number_text(None) == "n/a"
