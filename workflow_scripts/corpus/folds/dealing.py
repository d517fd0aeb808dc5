"""Components of alike documents, and their assignment to folds."""

from collections.abc import Sequence

import numpy as np

from workflow_scripts.corpus.folds.near_duplicates import connected


def number_components(sites: Sequence[str | None], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Component of each document of a bin: those of one site or nearly alike, and what they link.

    A document that touches no earlier one founds a component and takes the next number; one that
    touches earlier ones joins the component of the earliest. A larger draw only appends
    documents, so that no number of the smaller one changes, but where a new document links
    components: these merge under the smallest of their numbers, and the others are not used again.

    Args:
        sites: (n,) site of each document in the order of the draw; None is a site of its own.
        pairs: (later, earlier) places of documents that nearly repeat one another.

    Returns:
        (n,) int64, from 0.
    """
    first: dict[str, int] = {}
    links = list(pairs)
    for place, site in enumerate(sites):
        if site is not None and first.setdefault(site, place) != place:
            links.append((place, first[site]))
    founds = np.ones(len(sites), dtype=bool)
    founds[[later for later, _ in links]] = False
    number = np.cumsum(founds) - 1
    _, earliest, owner = np.unique(
        connected(len(sites), links), return_index=True, return_inverse=True
    )
    return number[earliest[owner]].astype(np.int64)


def deal(components: np.ndarray, folds: int) -> np.ndarray:
    """(n,) fold of each document: the components, whole, round-robin in their order."""
    return components % folds
