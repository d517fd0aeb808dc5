"""Voice of the code: a docstring's first line is an index entry or an imperative."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIRST_WORDS = {"What", "Which", "Whether", "How", "Where"}
DROPPED = re.compile(
    r"\b(?i:dealt|foretells?|foretold|told|anew|afresh|likewise|stands? in)\b"
    r"|\bis none\b|as far as it bears on"
)
# Names in code, and the names of arguments and attributes that a docstring lists.
NAMES = re.compile(r"``.*?``|^ *\w+(, \w+)*:", re.DOTALL | re.MULTILINE)
# Snakemake's files are no Python that ``ast`` reads.
IN_RULES = re.compile(r'"""(.*?)"""', re.DOTALL)
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def read_docstrings():
    """(place, docstring) of every module, class, function and rule."""
    for path in [*ROOT.glob("workflow_scripts/**/*.py"), *ROOT.glob("tests/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
                yield f"{path.relative_to(ROOT)} {getattr(node, 'name', '')}", text
    for path in [ROOT / "Snakefile", *ROOT.glob("rules/*.smk")]:
        for text in IN_RULES.findall(path.read_text()):
            yield path.name, text


DOCSTRINGS = list(read_docstrings())


def dropped(text):
    """Dropped words of a docstring, beside names."""
    return DROPPED.findall(NAMES.sub("", text))


def test_no_docstring_begins_with_a_question_word():
    assert len(DOCSTRINGS) > 2000
    assert not [
        (place, text.splitlines()[0])
        for place, text in DOCSTRINGS
        if re.match(r"\w*", text).group() in FIRST_WORDS
    ]


def test_no_docstring_has_a_dropped_word():
    assert not [(place, dropped(text)) for place, text in DOCSTRINGS if dropped(text)]


def test_dropped_words_are_seen_but_for_names():
    assert dropped("Folds are dealt anew: it is none.") == ["dealt", "anew", "is none"]
    assert not dropped("``told`` where it is None\n\nArgs:\n    dealt: random costs.")
