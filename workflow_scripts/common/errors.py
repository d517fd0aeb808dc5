"""Errors meant for people: each message is one line that says what is wrong and what to do."""

import difflib


class AtlasError(ValueError):
    """Base of every error this workflow raises on purpose."""


class ConfigError(AtlasError):
    """A key or value of the configuration is not allowed."""


class DataError(AtlasError):
    """An input file does not hold what it has to; the message names file, row and reason."""


class IntegrityError(AtlasError):
    """Artifacts do not belong together, or one of them is damaged or incomplete."""


class NumericsError(AtlasError):
    """A computed number failed its gate; the message carries the number measured."""


def nearest(word: str, known: list[str]) -> str:
    """``; did you mean 'x'?`` for the closest known word, or nothing where none is close."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
