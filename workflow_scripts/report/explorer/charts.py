"""The explorer's charts as Vega-Lite specifications, written with Altair.

A specification names its data and holds none; the page (``assets/*.js``) gives it rows, sizes and
the theme's colours. Rows carry their own fill, stroke and shape, so that every chart colours a
number by the one palette that the page holds.
"""

from typing import Any

import altair as alt

# Gaps between cells, as a share of a cell.
GAP = 0.07
# Distance of a mark from the middle of its cell, as a share of the cell.
CORNER = 0.25


def charts(topics: list[str], formats: list[str]) -> dict[str, dict[str, Any]]:
    """Specification of every chart by its name in the page.

    Args:
        topics: names of the rows of the map, from the top.
        formats: names of its columns, from the left.
    """
    drawn = {
        "map": _map(topics, formats),
        "topics": _strip("topic", topics),
        "formats": _strip("format", formats),
        "compare": _compare(),
        "scatter": _scatter(),
    }
    return {name: chart.to_dict() for name, chart in drawn.items()}


def _topic(names: list[str], **axis: Any) -> alt.Y:
    scale = alt.Scale(domain=names, paddingInner=GAP, paddingOuter=GAP / 2)
    return alt.Y("topic:N", sort=None, scale=scale, axis=alt.Axis(title=None, **axis))


def _format(names: list[str], **axis: Any) -> alt.X:
    scale = alt.Scale(domain=names, paddingInner=GAP, paddingOuter=GAP / 2)
    return alt.X("format:N", sort=None, scale=scale, axis=alt.Axis(title=None, **axis))


def _data(name: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name))


def _as_is(kind: type, field: str) -> Any:
    """A channel whose rows hold the colour, shape or size itself."""
    return kind(field, scale=None, legend=None)


def _cell(share: float, axis: str) -> alt.ExprRef:
    return alt.ExprRef(f"{share} * bandwidth('{axis}')")


def _map(topics: list[str], formats: list[str]) -> alt.LayerChart:
    """A cell for each bin; marks on them; what was planted; the chosen bins with their letters."""
    place = {"x": _format(formats, labelAngle=-45), "y": _topic(topics)}
    cells = (
        _data("bins")
        .mark_rect()
        .encode(
            fill=_as_is(alt.Fill, "fill:N"),
            fillOpacity=_as_is(alt.FillOpacity, "opacity:Q"),
            **place,
        )
    )
    planted = (
        _data("truth")
        .mark_point(filled=False)
        .encode(
            stroke=_as_is(alt.Stroke, "ink:N"),
            strokeWidth=_as_is(alt.StrokeWidth, "width:Q"),
            shape=_as_is(alt.Shape, "shape:N"),
            **place,
        )
    )
    dots = (
        _data("dots")
        .mark_point(filled=True, shape="circle", strokeWidth=0)
        .encode(
            fill=_as_is(alt.Fill, "ink:N"),
            fillOpacity=_as_is(alt.FillOpacity, "opacity:Q"),
            **place,
        )
    )
    corners = [
        _data(name)
        .mark_point(
            shape=shape,
            strokeWidth=1.2,
            xOffset=_cell(side * CORNER, "x"),
            yOffset=_cell(CORNER, "y"),
        )
        .encode(
            stroke=_as_is(alt.Stroke, "ink:N"),
            strokeOpacity=_as_is(alt.StrokeOpacity, "opacity:Q"),
            **place,
        )
        # An open triangle: few documents. Two bars: near-duplicates.
        for name, shape, side in (
            ("thin", "M-1,-0.7L1,-0.7L0,1Z", -1),
            ("alike", "M-1,-0.5L1,-0.5M-1,0.5L1,0.5", 1),
        )
    ]
    # Around the cell: what was planted is drawn inside it.
    outer = alt.RelativeBandSize(1.28)
    frames = _data("chosen").mark_rect(filled=False, width=outer, height=outer, strokeWidth=2.5)
    letters = (
        _data("chosen")
        .mark_text(fontWeight="bold")
        .encode(text="letter:N", fill=_as_is(alt.Fill, "ink:N"), **place)
    )
    frames = frames.encode(stroke=_as_is(alt.Stroke, "stroke:N"), **place)
    return alt.layer(cells, dots, *corners, planted, frames, letters)


def _strip(axis: str, names: list[str]) -> alt.LayerChart:
    """Mean of each topic (bars to the right) or format (bars upward), with its interval."""
    value = {"axis": alt.Axis(title=None, tickCount=3, grid=True), "scale": alt.Scale(nice=False)}
    if axis == "topic":
        place, long, second = {"y": _topic(names, labels=False)}, alt.X, alt.X2
    else:
        place, long, second = {"x": _format(names, labels=False)}, alt.Y, alt.Y2
    channel, other = ("x", "x2") if axis == "topic" else ("y", "y2")
    rows = _data("rows")
    bars = rows.mark_bar(strokeWidth=0.5).encode(
        **place,
        **{channel: long("value:Q", **value)},
        fill=_as_is(alt.Fill, "fill:N"),
        fillOpacity=_as_is(alt.FillOpacity, "opacity:Q"),
        stroke=_as_is(alt.Stroke, "stroke:N"),
    )
    ranges = rows.mark_rule(strokeWidth=1.1).encode(
        **place, **{channel: long("low:Q", **value), other: second("high:Q")}
    )
    zero = alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(strokeWidth=0.8)
    return alt.layer(bars, ranges, zero.encode(**{channel: long("zero:Q", **value)}))


def _compare() -> alt.LayerChart:
    """The chosen bins on every map: point, interval and letter."""
    place = {
        "y": alt.Y("map:N", sort=None, axis=alt.Axis(title=None)),
        "yOffset": alt.YOffset("letter:N", sort=None),
    }
    x = alt.X("value:Q", axis=alt.Axis(tickCount=6, grid=True), scale=alt.Scale(zero=True))
    rows = _data("rows")
    ranges = rows.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q"), x2="high:Q", stroke=_as_is(alt.Stroke, "stroke:N"), **place
    )
    points = rows.mark_point(filled=True, size=70, opacity=1).encode(
        x=x,
        fill=_as_is(alt.Fill, "stroke:N"),
        shape=_as_is(alt.Shape, "shape:N"),
        **place,
    )
    letters = rows.mark_text(align="left", dx=7, fontWeight="bold").encode(
        x=alt.X("end:Q"), text="letter:N", **place
    )
    zero = alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(strokeWidth=0.8)
    return alt.layer(zero.encode(x=alt.X("zero:Q")), ranges, points, letters)


def _scatter() -> alt.LayerChart:
    """Every bin by two maps; the chosen bins carry their letters."""
    # Chosen by the page: both axes in the same steps from zero.
    scale = alt.Scale(nice=False, zero=False, domain=[-1, 1])
    x = alt.X("x:Q", scale=scale, axis=alt.Axis(tickCount=5))
    y = alt.Y("y:Q", scale=scale, axis=alt.Axis(tickCount=5))
    points = (
        _data("points")
        .mark_point(filled=True, size=22, strokeWidth=0)
        .encode(
            x=x,
            y=y,
            fill=_as_is(alt.Fill, "fill:N"),
            fillOpacity=_as_is(alt.FillOpacity, "opacity:Q"),
        )
    )
    lines = _data("chosen").mark_rule(strokeWidth=1.5).encode(stroke=_as_is(alt.Stroke, "stroke:N"))
    ranges = [
        lines.encode(x="x:Q", y=alt.Y("ylow:Q"), y2="yhigh:Q"),
        lines.encode(y="y:Q", x=alt.X("xlow:Q"), x2="xhigh:Q"),
    ]
    chosen = (
        _data("chosen")
        .mark_point(filled=True, size=90, opacity=1)
        .encode(x=x, y=y, fill=_as_is(alt.Fill, "stroke:N"), shape=_as_is(alt.Shape, "shape:N"))
    )
    letters = _data("chosen").mark_text(align="left", dx=8, dy=-8, fontWeight="bold", fontSize=12)
    letters = letters.encode(x=x, y=y, text="letter:N")
    return alt.layer(points, *ranges, chosen, letters)
