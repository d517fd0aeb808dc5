"""Numbers as words: counts with their noun, decimals with a real minus sign."""

from typing import Any


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 bin``, ``12 bins``, ``4,608 documents``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def number_text(value: Any, digits: int = 2) -> str:
    """A number with a real minus sign, or ``n/a`` for none; what rounds to zero has no sign."""
    if value is None:
        return "n/a"
    text = f"{value:.{digits}f}"
    return text.replace("-", "" if float(text) == 0 else "\u2212")
