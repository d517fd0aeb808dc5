"""The explorer as one file: template, style, scripts, charting library and data in one page."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from workflow_scripts.report.explorer.charts import charts
from workflow_scripts.report.style import dark_diverging, diverging

ASSETS = Path(__file__).with_name("assets")
SCRIPTS = ("core.js", "charts.js", "drawing.js", "cautions.js", "panels.js", "table.js", "main.js")
# Steps of each palette in the page; colours between two steps are not distinguished.
STEPS = 65


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that needs no network."""
    bundle = vl_convert.javascript_bundle(vl_version=alt.SCHEMA_VERSION.rpartition(".")[0])
    # Either would end, or open, the element that holds the script.
    assert "</script" not in bundle and "<!--" not in bundle
    return bundle


def palettes() -> dict[str, list[str]]:
    """Colours from the strongest opposition to the strongest support, in light and dark."""
    return {
        name: [_hex(colours(step / (STEPS - 1))) for step in range(STEPS)]
        for name, colours in (("light", diverging()), ("dark", dark_diverging()))
    }


def _hex(colour: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])


def write_page(payload: dict[str, Any]) -> str:
    """The whole page.

    Args:
        payload: study, facts, measures, topics, formats, bins and maps as the page's scripts read
            them; the palettes and the charts are added here.
    """
    names = [[name for _, name in payload[axis]] for axis in ("topics", "formats")]
    data = {**payload, "palettes": palettes(), "charts": charts(*names)}
    parts = {
        "TITLE": _text(payload["study"]),
        "STYLE": (ASSETS / "page.css").read_text(),
        "LIBRARY": library(),
        "DATA": _json(data),
        "SCRIPT": "\n".join((ASSETS / name).read_text() for name in SCRIPTS),
    }
    page = (ASSETS / "page.html").read_text()
    for name, part in parts.items():
        before, _, after = page.partition(f"<!--{name}-->")
        page = before + part + after
    return page


def _text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;")


def _json(data: dict[str, Any]) -> str:
    """JSON that cannot end the element that holds it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")
