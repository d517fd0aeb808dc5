"""Put what a finished study found into one folder that can be shared.

in   study: the files to share; benchmarks: definitions and local files of questions
out  sums: SHA256SUMS of the folder, written last; the folder holds what it lists
"""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.common.config.load import ROOT
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.provenance import sidecar_path
from workflow_scripts.common.tables import read_table, table_schema
from workflow_scripts.publish.anonymous import check_anonymous, copy_file
from workflow_scripts.publish.crate import files_of, write_metadata, write_sums
from workflow_scripts.publish.places import Places, places_of, shared_config
from workflow_scripts.publish.questions import share_benchmarks
from workflow_scripts.publish.readme import Notes, readme
from workflow_scripts.publish.shared_tables import (
    EXAMPLES,
    bin_matrix,
    check_no_text,
    table_name,
    text_pieces,
    write_without_text,
)
from workflow_scripts.tools.reference_pages import tables_page


def main(snakemake: Any) -> None:
    """Empty the folder, fill it, check it, and write its checksums last."""
    folder, params = Path(snakemake.output.sums).parent, snakemake.params
    _empty(folder)
    sources = {
        Path(path).relative_to(folder.parent).as_posix(): Path(path)
        for path in map(str, snakemake.input.study)
    }
    places, shortened = places_of(params.config), []
    progress = Progress(len(sources), "files copied")
    for place, source in sources.items():
        if _copy(source, folder / place, place, params, places):
            shortened.append(place)
        progress.advance()
    share_benchmarks(folder, params.config, places)
    _add_made(folder, sources, params, places, shortened)
    if not params.settings["text"] and f"{EXAMPLES}.parquet" in sources:
        check_no_text(folder, text_pieces(read_table(sources[f"{EXAMPLES}.parquet"], EXAMPLES)))
    check_anonymous(folder, places)
    write_sums(folder)


def _empty(folder: Path) -> None:
    """Remove what an earlier run left: every run makes the folder from scratch."""
    for left in folder.iterdir() if folder.exists() else []:
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _copy(source: Path, target: Path, place: str, params: Any, places: Places) -> bool:
    """Copy a file without text of documents and paths; returns whether paths were replaced."""
    name = table_name(place)
    if name == EXAMPLES and not params.settings["text"]:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_without_text(source, target, EXAMPLES)
        source = target
    return copy_file(source, target, name, params.config["data"], places)


def _add_made(
    folder: Path, sources: dict[str, Path], params: Any, places: Places, shortened: list[str]
) -> None:
    """Add what is not a file of the study: matrix, schemas, records, licence, the page on it."""
    bins = read_table(sources["influence/bin_influence.parquet"], "influence/bin_influence")
    matrix = bin_matrix(bins)
    matrix.write_parquet(folder / "bin_matrix.parquet")
    matrix.write_csv(folder / "bin_matrix.csv")
    bins.write_csv(folder / "bin_influence.csv")
    for name in ("LICENSE", "CITATION.cff"):
        shutil.copyfile(ROOT / name, folder / name)
    shutil.copytree(ROOT / "schemas" / "tables", folder / "schemas")
    (folder / "schemas" / "tables.md").write_text(tables_page())
    config = shared_config(params.config, places)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    records = {place: sidecar_path(source) for place, source in sources.items()}
    kept = {place: read_json(path) for place, path in records.items() if path.exists()}
    write_json(folder / "provenance.json", kept)
    about = {
        place: table_schema(name)["description"]
        for place in files_of(folder)
        if (name := table_name(place))
    }
    version = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    facts = {
        "name": f"Capability Atlas: study {params.config['study']}",
        "description": "Influence of 24 x 24 regions of a pretraining corpus on benchmarks.",
        "date": params.settings["date"] or date.today().isoformat(),
        "licence": params.settings["licence"],
        "version": version,
    }
    per_bin = params.config["corpus"]["documents_per_bin"]
    notes = Notes(tuple(places.moved.values()), tuple(shortened), config["data"], per_bin)
    (folder / "README.md").write_text(readme(folder, bins, facts, params.settings, notes))
    write_metadata(folder, facts, about)


if __name__ == "__main__":
    run_job(main, snakemake)
