"""The configuration: one closed schema with defaults, and errors that a person can act on.

Imports only the standard library, PyYAML and jsonschema, so that a bad key is reported
before anything heavy is loaded.
"""

import functools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from workflow_scripts.common.bin_matrix import read_matrix
from workflow_scripts.common.config.contrast_list import check_contrasts
from workflow_scripts.common.config.cross_checks import check_relations
from workflow_scripts.common.errors import ConfigError, nearest
from workflow_scripts.common.labels import with_labels_read
from workflow_scripts.common.paths import check_paths
from workflow_scripts.validation.scorers import LISTED

ROOT = Path(__file__).resolve().parents[3]
SCHEMA_FILE = ROOT / "schemas" / "config.yaml"
# Positions of a trained model unless its documents are longer.
POSITIONS = 256


@functools.cache
def load_schema() -> dict[str, Any]:
    """The JSON schema of the configuration, each ``$ref`` replaced by what it names."""
    schema = yaml.safe_load(SCHEMA_FILE.read_text())
    definitions = schema.pop("$defs") | {"scorer": {"enum": list(LISTED)}}

    def inline(node: Any) -> Any:
        if isinstance(node, Mapping):
            if "$ref" in node:
                return inline(definitions[node["$ref"].removeprefix("#/$defs/")])
            return {key: inline(value) for key, value in node.items()}
        return node

    return inline(schema)


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check a configuration, fill in its defaults and check what a schema cannot express.

    Raises:
        ConfigError: names the key, its value, what is allowed and the nearest known key.
        DataError: ``influence.matrix`` names a file that is no matrix.
    """
    _check_finite(config, load_schema())
    full = check(config, load_schema(), "config key")
    check_paths(full)
    full = with_labels_read(full)
    if full["validation"]["projection_seed"] is None:
        second = (full["seeds"]["projection"] + 1) % 2**32
        full["validation"] = full["validation"] | {"projection_seed": second}
    if full["model"]["train"]["max_positions"] == 0:
        train = full["model"]["train"] | {
            "max_positions": max(POSITIONS, full["corpus"]["max_tokens"])
        }
        full["model"] = full["model"] | {"train": train}
    if matrix := full["influence"]["matrix"]:
        full["benchmarks"] = list(read_matrix(matrix).benchmarks)
    else:
        check_relations(full)
    check_contrasts(full)
    return full


def _check_finite(value: Any, spec: Mapping[str, Any], path: str = "") -> None:
    """Refuse what YAML calls a number and no one can compute with, and numbers read as text.

    Raises:
        ConfigError: names the key of the first value that is not finite, or is a number in a
            form that YAML takes for text.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            inner = spec.get("properties", {}).get(key, {})
            _check_finite(item, inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _check_finite(item, spec.get("items", {}), f"{path}.{place}")
    elif {"number", "integer"} & _kinds(spec):
        _check_number(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"config key {path!r} is {value}; allowed: finite numbers")


def _check_number(value: Any, path: str) -> None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return  # the schema says what is allowed
    if not math.isfinite(number):
        raise ConfigError(f"config key {path!r} is {value}; allowed: finite numbers")
    if isinstance(value, str) and isinstance(yaml.safe_load(value), str):
        raise ConfigError(
            f"config key {path!r} is {value!r}, which YAML reads as text; write "
            f"{_as_yaml(value, number)}"
        )


def _as_yaml(text: str, number: float) -> str:
    """The number in forms that YAML reads as one: 0.001 or 1.0e-3."""
    forms = [repr(number)]
    if parts := re.fullmatch(r"([-+]?\d+)(\.\d*)?[eE]([-+]?)(\d+)", text):
        forms.append(f"{parts[1]}{parts[2] or '.0'}e{parts[3] or '+'}{parts[4]}")
    return " or ".join(form for form in forms if isinstance(yaml.safe_load(form), float))


def load_study(overlay: str | Path | None = None) -> dict[str, Any]:
    """The complete configuration of a study, as Snakemake puts it together.

    Args:
        overlay: file laid over ``config.yaml``; mappings merge, anything else replaces.

    Raises:
        ConfigError: a file cannot be read, or breaks the schema.
    """
    config: dict[str, Any] = {}
    for path in [ROOT / "config.yaml", *([Path(overlay)] if overlay else [])]:
        config = _merged(config, _read(path))
    return complete(config)


def _read(path: Path) -> Mapping[str, Any]:
    """Keys and values of one config file; none where it is empty."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config file {path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f" line {mark.line + 1}" if mark else ""
        reason = problem or str(error).splitlines()[0]
        raise ConfigError(f"config file {path}{place} is not valid YAML: {reason}") from None
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"config file {path} must hold keys and values, not {type(value).__name__}"
        )
    return value


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def check(value: Mapping[str, Any], schema: Mapping[str, Any], noun: str) -> dict[str, Any]:
    """Check a mapping against a closed schema and fill in the schema's defaults.

    Args:
        value: the mapping as a person wrote it.
        schema: JSON schema without ``$ref``.
        noun: what messages call a key: ``config key``.

    Raises:
        ConfigError: names the key, its value, what is allowed and the nearest known key.
    """
    full = _with_defaults(dict(value), schema)
    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(full),
        key=lambda error: (error.validator != "additionalProperties", list(map(str, error.path))),
    )
    if errors:
        raise ConfigError(_message(errors[0], schema, noun))
    return full


def _with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    """Copy ``value`` with the schema's defaults filled in, at every level."""
    if not isinstance(value, Mapping) or "properties" not in schema:
        return _from_command_line(value, schema)
    full = dict(value)
    for key, spec in schema["properties"].items():
        if key in full:
            full[key] = _with_defaults(full[key], spec)
        elif "default" in spec:
            full[key] = _with_defaults(spec["default"], spec)
    return full


def _from_command_line(value: Any, schema: Mapping[str, Any]) -> Any:
    """Read a number or truth value that came as text.

    Snakemake hands the values inside ``--config 'corpus={shards: 4}'`` over as strings.
    """
    kinds = _kinds(schema)
    if isinstance(value, list) and "array" in kinds:
        return [_from_command_line(item, schema.get("items", {})) for item in value]
    if isinstance(value, str) and kinds & {"integer", "number", "boolean"}:
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            return value  # the schema says what is allowed
        if read is None and "null" in kinds:
            return None
        wanted = bool if "boolean" in kinds else (int, float)
        return read if isinstance(read, wanted) else value
    return value


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """Types that a schema allows."""
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _message(error: jsonschema.ValidationError, schema: Mapping[str, Any], noun: str) -> str:
    """One line for one schema violation."""
    key = ".".join(map(str, error.absolute_path)) or "(top level)"
    if error.validator == "additionalProperties":
        return _unknown_key(error, schema, noun)
    if error.validator == "required":
        absent = next(name for name in error.validator_value if name not in error.instance)
        return f"{noun} {_join(error, absent)!r} is missing; {_describe(error, absent)}"
    if error.validator == "enum":
        allowed = ", ".join(map(repr, error.validator_value))
        near = nearest(str(error.instance), list(map(str, error.validator_value)))
        return f"{noun} {key!r} is {error.instance!r}; allowed: {allowed}{near}"
    return f"{noun} {key!r} is {error.instance!r}; allowed: {_allowed(error)}"


def _unknown_key(error: jsonschema.ValidationError, schema: Mapping[str, Any], noun: str) -> str:
    known = list(error.schema.get("properties", {}))
    unknown = next(name for name in error.instance if name not in known)
    path, value = _join(error, unknown), error.instance[unknown]
    near = nearest(str(unknown), known)
    if not near:
        elsewhere = [name for name in known_keys(schema) if name.split(".")[-1] == unknown]
        near = f"; did you mean {elsewhere[0]!r}?" if elsewhere else ""
    return f"unknown {noun} {path!r} (value {value!r}); allowed here: {', '.join(known)}{near}"


def _allowed(error: jsonschema.ValidationError) -> str:
    """Values that the schema allows at the place of ``error``, in words."""
    spec = error.schema
    kinds = spec.get("type", "value")
    words = [" or ".join(kinds) if isinstance(kinds, list) else str(kinds)]
    limits = {
        "minimum": "at least {}",
        "exclusiveMinimum": "more than {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "less than {}",
        "pattern": "matching {}",
        "minItems": "with at least {} items",
        "maxItems": "with at most {} items",
        "minLength": "with at least {} characters",
    }
    words += [text.format(spec[name]) for name, text in limits.items() if name in spec]
    if spec.get("uniqueItems"):
        words.append("without repeats")
    text = ", ".join(words)
    return f"{text} ({spec['description']})" if "description" in spec else text


def _describe(error: jsonschema.ValidationError, name: str) -> str:
    return error.schema["properties"][name].get("description", "it has no default")


def _join(error: jsonschema.ValidationError, name: object) -> str:
    return ".".join(map(str, [*error.absolute_path, name]))


def known_keys(schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of every key that the schema knows, parents first."""
    for name, spec in schema.get("properties", {}).items():
        yield prefix + name
        yield from known_keys(spec, f"{prefix}{name}.")
