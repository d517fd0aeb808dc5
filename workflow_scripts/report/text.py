"""reStructuredText for the front page: words that mean themselves, tables, one safe whole."""

import re
from collections.abc import Iterable, Sequence

from workflow_scripts.report.numbers import number_text

# Snakemake's page centres the text between the window's edges, which cuts the head off a long one.
LOOKS = """.. raw:: html

   <style>
   .h-screen.items-center { align-items: flex-start; }
   .prose.max-w-lg { max-width: 58rem; margin: 1.5rem; }
   .prose h1, .prose h2 { font-size: 1.35rem; margin: 1.6em 0 0.5em; }
   .prose td, .prose th { padding: 0.2rem 0.8rem 0.2rem 0; }
   .prose td p, .prose li p { margin: 0; }
   .prose td + td { white-space: nowrap; }
   </style>"""


def plain(text: str) -> str:
    """A name from a table or the config as text in which no character marks anything up."""
    text = re.sub(r"([\\*`|_<>\[\]{}%])", r"\\\1", " ".join(text.split()))
    return text.replace("::", r"\:\:")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
    for row in (head, *rows):
        first, *others = (_opened(cell) for cell in row)
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return "\n".join(lines)


def _opened(cell: str) -> str:
    # Neither "- x" nor "1. x" begins a list inside the cell.
    return cell if re.match(r"[A-Za-z]+(?![.)\w])", cell) else f"\\ {cell}"


def bullets(lines: Iterable[str]) -> str:
    """A list of points."""
    return "\n".join(f"* {line}" for line in lines)


def section(title: str, parts: Iterable[str]) -> str:
    """A heading with its paragraphs, lists and tables."""
    return "\n\n".join([f"{title}\n{'-' * len(title)}", *parts])


def page(parts: Iterable[str]) -> str:
    """The whole page, which Snakemake's templates pass on unchanged."""
    text = "\n\n".join([LOOKS, *parts]).replace("{%", "{ %")
    return f"{{% raw %}}\n{text}\n{{% endraw %}}\n"


def between(low: float | None, high: float | None, digits: int = 2) -> str:
    """``0.10 to 0.30``, or ``n/a``."""
    if low is None or high is None:
        return "n/a"
    return f"{number_text(low, digits)} to {number_text(high, digits)}"


def between_off_zero(low: float | None, high: float | None) -> str:
    """Like ``between``, with as many digits as show that an end which is not 0 is not."""
    ends = [abs(end) for end in (low, high) if end]
    digits = 2
    while digits < 6 and any(round(end, digits) == 0 for end in ends):
        digits += 1
    return between(low, high, digits)


def range_of(values: Iterable[float | None], digits: int = 2) -> str:
    """Lowest to highest of what is known; one number where they are the same."""
    known = [value for value in values if value is not None]
    if not known:
        return "n/a"
    ends = number_text(min(known), digits), number_text(max(known), digits)
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def p_text(value: float | None) -> str:
    """A p or q value: two digits, ``< 0.001`` below that, ``n/a`` for none."""
    if value is None:
        return "n/a"
    return "< 0.001" if value < 0.001 else f"{value:.2g}"
