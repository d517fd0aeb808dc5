"""Errors meant for people: each message is one line that says what is wrong and what to do."""


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
