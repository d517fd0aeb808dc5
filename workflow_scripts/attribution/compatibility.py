"""Compatibility record (``manifest``) of attribution artifacts; refuses to mix different ones."""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.common.errors import IntegrityError

# Keys that must be equal before rows of two artifacts may be multiplied.
KEYS = ("model", "preconditioner", "projection", "bergson")


def check_same(
    name_a: str, manifest_a: Mapping[str, Any], name_b: str, manifest_b: Mapping[str, Any]
) -> None:
    """Refuse two artifacts that were made with different models or preconditioners.

    Raises:
        IntegrityError: names both artifacts, the setting and both values.
    """
    for key in KEYS:
        if manifest_a[key] != manifest_b[key]:
            raise IntegrityError(
                f"{name_a} was made with {key} {_short(manifest_a[key])}, but {name_b} with "
                f"{_short(manifest_b[key])}; delete the older of the two and run again"
            )


def projections_of(manifest: Mapping[str, Any]) -> int:
    """Independent projections that the artifact's rows hold side by side."""
    return manifest["projection"]["projections"]


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) > 24 else text
