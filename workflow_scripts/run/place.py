"""Folders that a study cannot be run from."""

from workflow_scripts.common.errors import ConfigError


def check_place(*folders: str) -> None:
    """Refuse folders that Snakemake reads as patterns.

    Args:
        *folders: where the project lies and where its results go.

    Raises:
        ConfigError: a path holds a brace; names it.
    """
    for folder in folders:
        if "{" in folder or "}" in folder:
            raise ConfigError(
                f"the folder {folder!r} has a brace in its path, which Snakemake takes for a "
                "wildcard; move the project to a path without braces"
            )
