"""Tables of docs pages that are made of simulated rates, so that pages and rates cannot differ.

    python -m workflow_scripts.simulation.page_tables

writes them between their marks. ``make docs`` does it, and a test holds the pages equal to it.
"""

import re
from collections.abc import Callable, Iterable

import polars as pl

from workflow_scripts.common.files import atomic_path
from workflow_scripts.simulation.hard_seeds import DONE, SCHEMA
from workflow_scripts.simulation.score_law import TABLE
from workflow_scripts.simulation.world_table import CONSERVATIVE, NO, YES, read_worlds

SIMULATED = TABLE.parent
DOCS = SIMULATED.parent
COUNTED = ("called", "called_support", "called_contradiction", "called_strayed", "called_neutral")
JUDGED = ("false_share", "power", "auroc_support", "auroc_support_vs_contradiction")


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of a docs page."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def percent(value: float | None, error: float | None = None) -> str:
    """A share in percent, its standard error in brackets."""
    if value is None:
        return ""
    return f"{100 * value:.1f}%" + (f" ({100 * error:.1f})" if error is not None else "")


def held_counts() -> str:
    """Number of rates of each module that hold."""
    table = read_worlds(SIMULATED / "worlds.csv")
    rows = []
    for name, part in table.group_by("module", maintain_order=True):
        counts = [part.filter(held=state).height for state in (YES, CONSERVATIVE, NO)]
        told = part.height - sum(counts)
        sizes = part.filter(pl.col("nominal").is_not_null())["maps"]
        size = f"{sizes.min()}" + (f" to {sizes.max()}" if sizes.min() < sizes.max() else "")
        rows.append([f"`{name[0]}`", *map(str, [*counts, told]), size])
    head = ("module", "holds", "wider than need be", "**not held**", "told", "maps a rate")
    return markdown(head, rows)


def missed() -> str:
    """Every rate that is not held."""
    table = read_worlds(SIMULATED / "worlds.csv").filter(held=NO)
    rows = [
        [
            f"{row['world']}: {row['statistic']}"
            + (f", {row['setting']}" if row["setting"] else ""),
            row["units"],
            percent(row["rate"], row["rate_se"]),
            percent(row["nominal"]),
        ]
        for row in table.iter_rows(named=True)
    ]
    return markdown(
        ("world, statistic, setting", "rate of", "rate (standard error)", "nominal"), rows
    )


def hard_seeds() -> str:
    """Means over seeds, the lowest and the highest in brackets; bins called by what they hold."""
    path = SIMULATED / "hard_seeds.csv"
    table = pl.read_csv(path, schema=SCHEMA).filter(state=DONE)
    rows = []
    for (name,), part in table.group_by("benchmark", maintain_order=True):
        counts = [
            f"{part[key].mean():.1f} ({part[key].min()} to {part[key].max()})" for key in COUNTED
        ]
        shares = [
            f"{part[key].mean():.2f} ({part[key].min():.2f} to {part[key].max():.2f})"
            if part[key].drop_nulls().len()
            else ""
            for key in JUDGED
        ]
        signs = f"{part['contradiction_sign'].mean():.2f}"
        asked = f"{part['questions'][0]}, {percent(part['accuracy'].mean())}"
        rows.append([f"`{name}`", asked, *counts, *shares, signs])
    seeds = table["seed"].n_unique()
    head = (
        f"benchmark ({seeds} seeds)",
        "questions, answered right",
        "called",
        "support",
        "contradiction",
    )
    head += ("strayed", "neutral", "share of neutral", "power", "AUROC support")
    head += ("support v contradiction", "contradiction below 0")
    return markdown(head, rows)


TABLES: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("statistics.md", "held counts", held_counts),
    ("statistics.md", "not held", missed),
    ("validation.md", "hard seeds", hard_seeds),
)


def with_table(text: str, name: str, table: str) -> str:
    """The page's text with the table between its marks.

    Raises:
        ValueError: the page does not have the marks, once.
    """
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    pattern = re.escape(start) + ".*?" + re.escape(end)
    if len(re.findall(pattern, text, re.DOTALL)) != 1:
        raise ValueError(f"the page needs the marks {start.strip()} and {end.strip()}, once")
    return re.sub(pattern, lambda _: f"{start}\n{table}\n\n{end}", text, flags=re.DOTALL)


def pages() -> dict[str, str]:
    """Text of each page with its tables as they should be."""
    texts = {page: (DOCS / page).read_text() for page, _, _ in TABLES}
    for page, name, table in TABLES:
        texts[page] = with_table(texts[page], name, table())
    return texts


def main() -> None:
    """Write the pages."""
    for page, text in pages().items():
        with atomic_path(DOCS / page) as temporary:
            temporary.write_text(text)


if __name__ == "__main__":
    main()
