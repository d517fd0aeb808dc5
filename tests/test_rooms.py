"""Rooms of the code: a module imports from its own room and from those before it in one order."""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "workflow_scripts"
# A room is a folder with the modules in it.
LINES = (
    # Names of arms and scorers, which the configuration is checked against; they import nothing.
    "unlearning validation",
    "common common/config",
    "corpus corpus/planted corpus/sources corpus/sampling corpus/folds corpus/tokens corpus/bins",
    "model model/training",
    "benchmarks/tasks benchmarks",
    "attribution",
    # The page of a benchmark shows the tokens that its gradient is taken of.
    "benchmarks/sheet",
    "influence/uncertainty influence influence/bins influence/contrasts influence/agreement",
    "influence/axes influence/maps influence/siblings influence/budget influence/variants",
    "influence/matrix influence/texts",
    "validation/maps validation/contamination validation/projection validation/baselines",
    "validation/retraining validation/verdict",
    "unlearning/selection unlearning/forgetting unlearning/effects unlearning/dose_response",
    "preflight/costs preflight",
    "report report/figures report/story report/explorer",
    "run",
    "simulation",
    "tools/bench tools/gpu tools",
    # The folder to share has the reference pages of its tables.
    "publish",
)
ORDER = [room for line in LINES for room in line.split()]
MOST = 20


def name_of(path):
    """The dotted name of a module or, of an ``__init__.py``, of its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(CODE.rglob("*.py"))}


def room_of(name):
    """The folder of a module below ``workflow_scripts``; a folder's ``__init__.py`` is in it."""
    return MODULES[name].parent.relative_to(CODE).as_posix()


def imported(path):
    """Modules of the project that a file imports, anywhere in it; an unknown one fails."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name if name in MODULES else node.module for name in names]
        elif isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        else:
            continue
        for name in found:
            if name.split(".")[0] == CODE.name:
                assert name in MODULES, f"{path}: no module {name}"
                yield name


def test_the_order_names_every_room_once():
    rooms = {room_of(name) for name in MODULES} - {"."}
    assert sorted(ORDER) == sorted(rooms)


def test_no_import_runs_against_the_order():
    """Among rooms in one order there is no circle either."""
    place = {room: index for index, room in enumerate(ORDER)}
    wrong = [
        f"{name} imports {other}"
        for name, path in MODULES.items()
        for other in imported(path)
        if path.parent != CODE and place[room_of(other)] > place[room_of(name)]
    ]
    assert not wrong


def test_no_room_is_a_heap():
    sizes = Counter(room_of(name) for name, path in MODULES.items() if path.stem != "__init__")
    assert not {room: size for room, size in sizes.items() if size > MOST}


def test_every_room_says_what_it_is():
    folders = {path.parent for path in MODULES.values()}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
    packages = [path for path in MODULES.values() if path.stem == "__init__"]
    assert not [path for path in packages if not ast.get_docstring(ast.parse(path.read_text()))]


def test_tests_of_a_room_lie_in_a_folder_of_its_name():
    """Folders of tests that are no room hold what belongs to no one room."""
    others = {"config", "slurm", "workflow", "."}
    folders = {path.parent.relative_to(ROOT / "tests") for path in ROOT.glob("tests/**/test_*.py")}
    assert {folder.as_posix() for folder in folders} - others <= set(ORDER)
