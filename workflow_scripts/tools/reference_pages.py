"""The reference pages of the documentation, made from the schemas.

    python -m workflow_scripts.tools.reference_pages

A test holds the pages equal to what this module makes of the schemas.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.common.config.load import load_schema
from workflow_scripts.common.taxonomy import FORMATS, TOPICS

ROOT = Path(__file__).resolve().parents[2]
MADE = "<!-- Made from {source} by `make docs`; edit that instead. -->\n"

# Place of each table for a reader: the path under results/<study>/.
STAGES = ("corpus", "benchmarks", "attribution", "influence", "unlearning", "validation", "report")


def configuration_page() -> str:
    """The page that describes every configuration key."""
    lines = [
        "# Configuration",
        "",
        MADE.format(source="`schemas/config.yaml`"),
        "`config.yaml` is the planted study. Another study is a file that overlays it and changes",
        "only what differs: mappings are merged, lists are replaced.",
        "",
        "| key | allowed | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += list(_key_rows(load_schema(), ""))
    lines += ["", "## Labels", "", f"Topics: {_names(TOPICS)}.", "", f"Formats: {_names(FORMATS)}."]
    lines += ["", "They are read in any spelling that is known ([corpus.md](corpus.md))."]
    return "\n".join(lines) + "\n"


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _key_rows(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, spec in schema["properties"].items():
        key = prefix + name
        if "properties" in spec:
            yield f"| **`{key}`** | section | | {spec['description']} |"
            yield from _key_rows(spec, f"{key}.")
        else:
            yield f"| `{key}` | {_allowed(spec)} | {_default(spec)} | {spec['description']} |"


def _allowed(spec: Mapping[str, Any]) -> str:
    if "enum" in spec:
        return ", ".join(f"`{value}`" for value in spec["enum"])
    kinds = spec.get("type", "any")
    words = [kinds if isinstance(kinds, str) else " or ".join(kinds)]
    if spec.get("type") == "array":
        items = spec.get("items", {})
        words = [f"list of {items.get('type', 'names' if 'enum' in items else 'values')}"]
    limits = {
        "minimum": ">= {}",
        "exclusiveMinimum": "> {}",
        "maximum": "<= {}",
        "exclusiveMaximum": "< {}",
        "multipleOf": "a multiple of {}",
    }
    return ", ".join(
        words + [text.format(spec[key]) for key, text in limits.items() if key in spec]
    )


def _default(spec: Mapping[str, Any]) -> str:
    if "default" not in spec:
        return "required"
    value = spec["default"]
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    if value is None:
        return "`null`"
    return f"`{value!r}`" if isinstance(value, str) else f"`{value}`"


def tables_page() -> str:
    """The page that describes every table and its columns."""
    lines = [
        "# Tables",
        "",
        MADE.format(source="`schemas/tables/`"),
        "Every table is checked against its declaration when it is written and when it is read.",
        "A bin without documents is null, never 0. Influence is a mean cosine; positive means that",
        "the region supports the benchmark.",
    ]
    for stage in STAGES:
        path = ROOT / "schemas" / "tables" / f"{stage}.yaml"
        if not path.exists():
            continue
        for table, spec in yaml.safe_load(path.read_text()).items():
            lines += ["", f"## {stage}/{table}", "", spec["description"], ""]
            rows = f" Always {spec['rows']} rows." if "rows" in spec else ""
            order = ", ".join(f"`{name}`" for name in spec["sort"]) or "the working set"
            lines += [f"In the order of {order}.{rows}", ""]
            lines += ["| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
            for name, column in spec["columns"].items():
                kind = column["dtype"] + (" or null" if column.get("nullable") else "")
                unit = column.get("unit", "")
                lines.append(f"| `{name}` | {kind} | {unit} | {column['description']} |")
    return "\n".join(lines) + "\n"


PAGES = {"docs/configuration.md": configuration_page, "docs/tables.md": tables_page}


def main() -> None:
    """Write the pages."""
    for path, page in PAGES.items():
        (ROOT / path).write_text(page())


if __name__ == "__main__":
    main()
