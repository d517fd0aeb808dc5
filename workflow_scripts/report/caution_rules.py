"""Cautions of each kind, from the artifacts of a study that give cause for them."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from workflow_scripts.common.taxonomy import FORMATS, TOPICS, display_name
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.report.cautions import NOTE, WARNING, Caution, above_chance, caution
from workflow_scripts.report.numbers import counted, number_text

# Below this reliability halves of the same study disagree about most of a map.
RELIABLE = 0.5
# A bin is named where it is among so many highest of a map, or stands out from it.
HIGHEST = 5
# From this share of a bin on, it speaks of that part of its documents.
MOST = 0.5
# Remedies where halves disagree.
REMEDY = {
    "documents": "draw more documents a bin (corpus.documents_per_bin)",
    "questions": "ask more questions",
}
# Consequence of low reliability for the correlations of the map with others.
AGREES = {
    "documents": "Pearson's r with other maps, which score the same documents, is then mostly "
    "shared noise: read cross-half",
    "questions": "its correlations with other maps are then too low",
}
# Column of the bin summary -> kind and words of a bin that is mostly of one kind of documents.
DOMINANCE = {
    "largest_site_share": ("one_site", "come from one site"),
    "near_duplicate_share": ("near_duplicates", "nearly repeat another document of it"),
}


def near_chance(
    name: str, title: str, answers: pl.DataFrame, queries: pl.DataFrame
) -> list[Caution]:
    """Caution about a benchmark whose accuracy does not lie above guessing.

    Args:
        name: of the benchmark.
        title: its name for people.
        answers: ``correct`` of every question.
        queries: ``choices`` of every question.
    """
    right, chance = int(answers["correct"].sum()), float((1 / queries["choices"].list.len()).mean())
    if above_chance(right, answers.height, chance):
        return []
    text = (
        f"{title}: the model answers {right / answers.height:.0%} of "
        f"{counted(answers.height, 'question')} correctly, which cannot be told from chance "
        f"({chance:.0%}): the map shows which texts resemble the questions, not where a capability "
        "comes from; take a model that answers better, or more questions"
    )
    return [caution("near_chance", WARNING, text, [name])]


def questions_cut(name: str, title: str, results: Mapping[str, Any]) -> list[Caution]:
    """Questions of which the model saw the end alone, from ``results.json``."""
    cut, asked = results.get("questions_cut") or 0, results.get("n_questions") or 0
    if not cut:
        return []
    text = (
        f"{title}: {cut:,} of {counted(asked, 'question')} ({_percent(cut / asked)}) were too long "
        "for the model and lost their beginning: answers and map rest on their ends; leave them "
        "out, or take a model with a longer context"
    )
    return [caution("questions_cut", WARNING if cut > asked / 10 else NOTE, text, [name])]


def unreliable_maps(reliability: pl.DataFrame, titles: Mapping[str, str]) -> list[Caution]:
    """Maps that halves of their documents or questions would not find again."""
    found = []
    for name, title in titles.items():
        unknown: dict[str, list[str]] = {}
        for row in reliability.filter(benchmark=name).sort("over").iter_rows(named=True):
            over, value = row["over"], row["corrected"]
            if value is None:
                unknown.setdefault(row["reason"] or "not measured", []).append(over)
            elif value < RELIABLE:
                text = (
                    f"{title}: maps of two halves of the {over} hardly agree (reliability "
                    f"{number_text(value)} of 1): other {over} would give another map, and "
                    f"{AGREES[over]}; {REMEDY[over]}"
                )
                found.append(caution("unreliable_map", WARNING, text, [name]))
        for reason, overs in unknown.items():
            text = (
                f"{title}: whether other {' or '.join(overs)} would give the same map is not known "
                f"({reason}): take the map as one draw, not as the map"
            )
            found.append(caution("reliability_unknown", NOTE, text, [name]))
    return found


def left_out_rows(contract: Mapping[str, Any]) -> list[Caution]:
    """Rows of the corpus that are not in the study, by reason, from ``sample_contract.json``."""
    if contract.get("left_out") is None:
        return [_malformed(contract, *each) for each in sorted(contract["malformed"].items())]
    return [_left_out(row) for row in contract["left_out"]]


def _malformed(contract: Mapping[str, Any], reason: str, entry: Mapping[str, Any]) -> Caution:
    return _left_out(
        {
            "reason": reason,
            "rows": entry["count"],
            "share_of_all": entry["count"] / contract["rows_read"],
        }
    )


def _left_out(row: Mapping[str, Any]) -> Caution:
    """Caution about the rows of one reason, or of one label among them."""
    label, reason, given = row.get("label"), row["reason"].replace("_", " "), row.get("caution")
    shares = (
        [f"{_percent(row['share_of_all'])} of all"] if row.get("share_of_all") is not None else []
    )
    if label is not None and row.get("share_of_label") is not None:
        shares.append(f"{_percent(row['share_of_label'])} of {_name(label)}")
    where = "" if label is None else f" ({_name(label)})"
    text = (
        f"{counted(row['rows'], 'row')} of the corpus left out{where}: {reason}"
        f"{', ' + ', '.join(shares) if shares else ''}: its bins hold fewer documents than the "
        "source; examples stand in corpus/sample_contract.json"
    )
    axis = {"topic": label} if label in TOPICS else {"format": label} if label in FORMATS else {}
    text = given if isinstance(given, str) and given else text
    return caution("left_out_rows", WARNING if given else NOTE, text, **axis)


def _name(label: str | None) -> str:
    return display_name(label) if label in TOPICS or label in FORMATS else label or ""


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{100 * share:.2g}%"


def dominated_bins(summary: pl.DataFrame, bins: pl.DataFrame) -> list[Caution]:
    """Bins whose documents are mostly of one site, or repeat each other.

    Those that a map puts forward are named one by one; all of them are counted in one line.

    Args:
        summary: the table ``corpus/bin_summary``.
        bins: the table ``influence/bin_influence``.
    """
    found, filled = [], summary.filter(pl.col("n_sampled") > 0)
    for column, (kind, words) in DOMINANCE.items():
        # A single document is its own site, and says nothing of others.
        most = filled.filter(pl.col("n_sampled") > 1, pl.col(column) > MOST)
        if most.is_empty():
            continue
        text = (
            f"{counted(most.height, 'bin')} of {filled.height:,}: more than half of the documents "
            f"{words}: such a bin speaks of them, not of its topic and format; look at its examples"
        )
        found.append(caution(kind, NOTE, text))
        found += [_named_bin(kind, words, row, column) for row in _put_forward(most, bins)]
    return found


def _put_forward(most: pl.DataFrame, bins: pl.DataFrame) -> Iterable[dict[str, Any]]:
    """Rows of bins that stand out from a map, or are among its highest, with its ``benchmarks``."""
    keys = ["topic", "format"]
    seen = bins.filter(
        (pl.col("q_unusual") < SIGNIFICANT).fill_null(False) | (pl.col("rank") <= HIGHEST)
    )
    places = seen.group_by(keys, maintain_order=True).agg(pl.col("benchmark").alias("benchmarks"))
    return most.join(places, on=keys, how="inner", maintain_order="left").iter_rows(named=True)


def _named_bin(kind: str, words: str, row: Mapping[str, Any], column: str) -> Caution:
    place = f"{display_name(row['topic'])} \u00d7 {display_name(row['format'])}"
    text = (
        f"{place}: {row[column]:.0%} of its {counted(row['n_sampled'], 'document')} {words}: the "
        "bin's number speaks of them; read its examples before its number"
    )
    benchmarks = row["benchmarks"]
    return caution(kind, WARNING, text, benchmarks, topic=row["topic"], format=row["format"])


def documents_cut(summary: pl.DataFrame) -> list[Caution]:
    """Caution about bins whose documents were cut: only their beginnings were read."""
    filled = summary.filter(pl.col("n_sampled") > 0)
    cut = filled.filter(pl.col("share_truncated") > MOST).height
    if not cut:
        return []
    text = (
        f"{counted(cut, 'bin')} of {filled.height:,}: more than half of the documents were cut: "
        "the maps speak of their beginnings; raise corpus.max_tokens if the rest matters"
    )
    return [caution("documents_cut", NOTE, text)]


def special_tokens(check: Mapping[str, Any]) -> list[Caution]:
    """Marks of a text's ends that a pretrained model may have been trained with, and did not see.

    Args:
        check: ``model/check.json``; its ``tokens`` say which ids the tokenizer has for beginning
            and end of a text, and what is put in front of every text.
    """
    tokens, found = check.get("tokens") or {}, []
    begin, end = tokens.get("bos_token"), tokens.get("eos_token")
    # Where one token is both, it parts documents, and few models want it in front of each.
    if begin is not None and begin != end and not tokens.get("in_front"):
        text = (
            f"The tokenizer names a token for the beginning of a text (id {begin}) and puts none: "
            "documents and questions are read without it; if the model was trained with it, its "
            "answers and gradients may be off: compare its accuracy with the published one"
        )
        found.append(caution("special_tokens", WARNING, text))
    if behind := tokens.get("left_out_behind"):
        names = ", ".join(each["token"] for each in behind)
        text = (
            f"The tokenizer ends every text with {names}: it is left out of documents and "
            "questions alike, so nothing here says what the model makes of the end of a text"
        )
        found.append(caution("special_tokens", NOTE, text))
    return found
