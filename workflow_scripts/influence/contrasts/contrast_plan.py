"""Contrasts of a study: those of its configuration, or domain against domain.

Without the config key ``contrasts`` a study has the 2 x 2 of domain x capability as far as its
benchmarks fill it:

    reasoning  = z(social, reasoning) - z(stem, reasoning)
    knowledge  = z(social, knowledge) - z(stem, knowledge)
    difference = reasoning - knowledge

Several benchmarks on a side are averaged as z.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflow_scripts.common.config.contrast_list import weights_of

logger = logging.getLogger("atlas")

CAPABILITIES = ("reasoning", "knowledge")
DOMAINS = ("social", "stem")
# Names of domains, where a name of a benchmark would say more than is compared.
DOMAIN_WORDS = {"stem": "STEM"}

Weights = dict[str, float]


@dataclass(frozen=True)
class Contrast:
    """One contrast as weights on the benchmarks' z maps.

    Attributes:
        name: in tables.
        title: for people.
        plus, minus: benchmarks or contrasts of each side.
        weights: benchmark -> weight; positive on the side ``plus``.
        pairs: the same as pairs of weights, value = sum of first less second: sides whose labels
            say the same where there is no contrast (of two contrasts: their first sides, and
            their second).
        confounded: its sides answer in different forms (letters against texts), which alone
            can move a map.
    """

    name: str
    title: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    weights: Weights
    pairs: tuple[tuple[Weights, Weights], ...]
    confounded: bool

    @property
    def of_contrasts(self) -> bool:
        """True if it compares two contrasts."""
        return len(self.pairs) > 1


def plan_contrasts(
    cells: Mapping[str, Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]] | None = None
) -> list[Contrast]:
    """The contrasts of a study; the log names those of the 2 x 2 that it does not allow.

    Args:
        cells: benchmark -> domain, capability and answer_form.
        wanted: the config key ``contrasts``, checked; None means the 2 x 2.
    """
    entries = default_contrasts(cells) if wanted is None else list(wanted)
    weights = weights_of(entries, list(cells))
    plans: dict[str, Contrast] = {}
    for entry in entries:
        name, plus, minus = entry["name"], tuple(entry["plus"]), tuple(entry["minus"])
        above = [plans.get(side[0]) for side in (plus, minus) if len(side) == 1]
        pairs = (_halves(weights[name]),)
        if len(above) == 2 and all(plan and not plan.of_contrasts for plan in above):
            (a, b), (c, d) = above[0].pairs[0], above[1].pairs[0]
            pairs = ((a, c), (d, b))  # a - b - (c - d)
        forms = {cells[each].get("answer_form") for each in weights[name]}
        title = entry.get("title") or name.replace("_", " ").capitalize()
        plans[name] = Contrast(name, title, plus, minus, weights[name], pairs, len(forms) > 1)
    return list(plans.values())


def default_contrasts(cells: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The 2 x 2 of domain x capability, as entries of the config key ``contrasts``."""
    entries = []
    for capability in CAPABILITIES:
        sides = [
            [
                name
                for name, cell in cells.items()
                if (cell["domain"], cell["capability"]) == (domain, capability)
            ]
            for domain in DOMAINS
        ]
        if not all(sides):
            absent = " and ".join(d for d, side in zip(DOMAINS, sides, strict=True) if not side)
            logger.info("no contrast %s: no %s %s benchmark", capability, absent, capability)
            continue
        title = f"Social \u2212 STEM {capability}"
        entries.append({"name": capability, "title": title, "plus": sides[0], "minus": sides[1]})
    if len(entries) < 2:
        logger.info("no contrast difference: it needs reasoning and knowledge")
        return entries
    of = {"plus": ["reasoning"], "minus": ["knowledge"]}
    return [*entries, {"name": "difference", "title": "Difference of the two", **of}]


def side_words(plan: Contrast, cells: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Names of the sides of a contrast: plus, minus.

    Its domains, where each side has one of its own; else its benchmarks or contrasts.
    """
    domains = [
        {cells[name].get("domain") for name in side if name in cells}
        for side in (plan.plus, plan.minus)
    ]
    if all(len(one) == 1 and None not in one for one in domains) and domains[0] != domains[1]:
        plus, minus = (DOMAIN_WORDS.get(name, name) for (name,) in domains)
        return plus, minus
    plus, minus = (named_side(side, cells) for side in (plan.plus, plan.minus))
    return plus, minus


def named_side(side: Sequence[str], cells: Mapping[str, Mapping[str, Any]]) -> str:
    """Up to two benchmarks or contrasts of a side by their titles, or how many are averaged."""
    if len(side) > 2:
        return f"mean of {len(side)} maps"
    titles = [cells.get(name, {}).get("title") or name.replace("_", " ") for name in side]
    return " and ".join(titles)


def _halves(weights: Weights) -> tuple[Weights, Weights]:
    """Positive weights, and the negative ones with their sign turned."""
    plus = {name: weight for name, weight in weights.items() if weight > 0}
    return plus, {name: -weight for name, weight in weights.items() if weight < 0}
