"""Rates in worlds that can break the statistics: one table of all, world module by world module.

A module of ``WORLDS`` has ``rates(size)``, a list of rows with the keys of ``KEYS``. The table is
written after each module, so that a run that was stopped goes on with the next one.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from workflow_scripts.common.files import atomic_path
from workflow_scripts.simulation import (
    world_agreement,
    world_axes,
    world_budget,
    world_checks,
    world_contrasts,
    world_forgetting,
    world_labels,
    world_sites,
)
from workflow_scripts.simulation.tables import Size

WORLDS: tuple[ModuleType, ...] = (
    world_sites,
    world_labels,
    world_axes,
    world_contrasts,
    world_agreement,
    world_forgetting,
    world_checks,
    world_budget,
)

KEYS = ("world", "statistic", "setting", "maps", "rate", "rate_se", "nominal", "units")
ROUNDED, DIGITS = ("rate", "rate_se"), 4
SCHEMA = {
    "module": pl.String,
    "size": pl.Int64,
    "world": pl.String,
    "statistic": pl.String,
    "setting": pl.String,
    "maps": pl.Int64,
    "rate": pl.Float64,
    "rate_se": pl.Float64,
    "nominal": pl.Float64,
    "held": pl.String,
    "units": pl.String,
}
# Tolerance of a rate around its nominal value, apart from two Monte Carlo errors: that of false
# calls above it, that of intervals below and above it.
FALSE_ABOVE, HELD_BELOW, HELD_ABOVE = 0.03, 0.03, 0.02
YES, NO, CONSERVATIVE = "yes", "no", "conservative"


def name_of(module: ModuleType) -> str:
    """Short name of a module of worlds: ``labels`` for ``world_labels``."""
    return module.__name__.rpartition(".")[2].removeprefix("world_")


def bounds(nominal: float) -> tuple[float, float]:
    """Rates that hold: up to 8% of 5% nominal false calls, 92 to 97% of 95% intervals."""
    if nominal < 0.5:
        return 0.0, nominal + FALSE_ABOVE
    return nominal - HELD_BELOW, nominal + HELD_ABOVE


def held(row: Mapping[str, Any]) -> str | None:
    """Verdict on the rate of a row against its nominal value; None without a nominal value.

    ``conservative`` where intervals hold the truth more often than is said: wider than they need
    be, and right. A rate may lie two Monte Carlo errors outside its bounds. What is shown for
    comparison alone has no nominal value.
    """
    if row["nominal"] is None or row["rate"] is None:
        return None
    low, high = bounds(row["nominal"])
    # Bounds are sums of decimals: 0.08 is within them.
    slack = 2 * (row["rate_se"] or 0.0) + 1e-9
    if row["rate"] > high + slack:
        return NO if row["nominal"] < 0.5 else CONSERVATIVE
    return YES if row["rate"] >= low - slack else NO


def module_rows(module: ModuleType, size: Size) -> pl.DataFrame:
    """The rows of one module in the columns of the table.

    Raises:
        ValueError: a row lacks a key, or has one that the table does not know.
    """
    rows = module.rates(size)
    for row in rows:
        # As they are written, so that the table says of itself what holds.
        row |= {key: round(row[key], DIGITS) for key in ROUNDED if row.get(key) is not None}
        if set(row) != set(KEYS):
            wrong = sorted(set(row) ^ set(KEYS))
            raise ValueError(f"{module.__name__}: rows need the keys {KEYS}; not so: {wrong}")
    own = {"module": name_of(module), "size": size.maps}
    full = [own | row | {"held": held(row)} for row in rows]
    return pl.DataFrame(full, schema=SCHEMA)


def read_worlds(path: Path) -> pl.DataFrame:
    """Read the table, empty if the file does not exist."""
    if not path.exists():
        return pl.DataFrame(schema=SCHEMA)
    return pl.read_csv(path, schema=SCHEMA)


def chosen(names: Iterable[str]) -> list[ModuleType]:
    """The modules of these names, or all where none is named.

    Raises:
        ValueError: a name is not known.
    """
    known, names = {name_of(module): module for module in WORLDS}, list(names)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"--worlds names {', '.join(unknown)}; allowed: {', '.join(known)}")
    return [known[name] for name in names] or list(WORLDS)


def simulate_worlds(
    path: Path,
    size: Size,
    modules: Iterable[ModuleType],
    say: Callable[[str], None],
    again: bool = False,
) -> None:
    """Bring the table up to date, module by module.

    Args:
        path: the table, csv.
        size: how much is simulated; rows of a module at another size are replaced.
        modules: to simulate; the rows of others stay.
        say: prints to the terminal.
        again: also those whose rows at this size are there.
    """
    for module in modules:
        name, table = name_of(module), read_worlds(path)
        if not again and table.filter(module=name, size=size.maps).height:
            say(f"{path}: world {name} is there (--again simulates it again)")
            continue
        rows = module_rows(module, size)
        others = table.filter(pl.col("module") != name)
        order = {name_of(each): number for number, each in enumerate(WORLDS)}
        whole = pl.concat([others, rows]).filter(pl.col("module").is_in(list(order)))
        whole = whole.sort(pl.col("module").replace_strict(order), maintain_order=True)
        with atomic_path(path) as temporary:
            whole.write_csv(temporary, float_precision=DIGITS)
        say(f"{path}: {rows.height} rows of world {name}")
