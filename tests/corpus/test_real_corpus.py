"""The stage on real labelled texts and on Dolma's own files, where they are present."""

import gzip
import json
import shutil

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.corpus.sampling.keyed_draw import assign_ranks, bottom_k
from workflow_scripts.corpus.sources.readers import raw_rows
from workflow_scripts.corpus.sources.records import attribute_label


def test_labelled_texts_are_all_well_formed_in_twelve_bins(made_up, real_data):
    layout = {**made_up.table, "url": "source", "source": "source"}
    manifest, malformed = made_up.index([str(real_data / "corpus.jsonl")], layout)
    assert malformed.rows == manifest.height == 1565
    assert not malformed.reasons
    assert manifest.select("topic", "format").n_unique() == 12
    sites = set(manifest["url_domain"].drop_nulls())
    assert {"matheducators.stackexchange.com", "coffee.stackexchange.com"} <= sites
    assert all(" " not in site and "/" not in site for site in sites)
    # Sources such as "pallets/jinja docs/api.rst" are no URLs and stay without a site.
    assert manifest.filter(topic="software_development")["url_domain"].null_count() > 0
    drawn = assign_ranks(bottom_k(manifest, 100, 42))
    assert drawn.group_by("topic", "format").len()["len"].max() == 100


def test_dolma_documents_and_attributes_of_every_value_style_are_read(made_up, real_data):
    path = str(real_data / "dolma/provided/documents/000.json.gz")
    values = {}
    for name, key in (
        ("toxicity", "toxicity"),
        ("sample", "sample__random_number_v1__random"),
        ("pii", "pii"),
        ("duplicate_paragraphs", "bff_duplicate_paragraph_spans"),
    ):
        layout = {**made_up.dolma, "topic": f"attributes:{name}:{key}", "format": "metadata.none"}
        rows = [raw for _, raw in raw_rows(path, layout)]
        assert len(rows) == 10
        values[name] = [attribute_label(row["attributes"][name], key) for row in rows]
    assert values["toxicity"][0] == 0.1
    assert values["sample"][:2] == [0.421, 0.295]
    assert values["pii"][0] is None
    assert values["duplicate_paragraphs"][0] is None


def test_dolma_rows_without_known_labels_are_malformed_by_reason(made_up, real_data):
    path = str(real_data / "dolma/provided/documents/000.json.gz")
    layout = {**made_up.dolma, "topic": "attributes:toxicity:toxicity", "format": "metadata.none"}
    with_metadata = str(real_data / "dolma/multiple_files/cc_en_head-0091.jsonl.gz")
    _, malformed = made_up.index([with_metadata], {**layout, "topic": "metadata.bucket"})
    assert malformed.reasons["missing_format"]["count"] == 10
    _, malformed = made_up.index([path], {**layout, "format": "source"})
    assert malformed.reasons["unknown_topic"]["count"] == 10


def test_dolma_documents_labelled_beside_are_indexed_with_their_sites(made_up, real_data, tmp_path):
    (tmp_path / "documents").mkdir()
    path = tmp_path / "documents" / "000.json.gz"
    shutil.copyfile(real_data / "dolma/provided/documents/000.json.gz", path)
    with gzip.open(path) as lines:
        ids = [json.loads(line)["id"] for line in lines]
    labels = [
        {
            "id": doc_id,
            "attributes": {
                f"topic__{BINS[i][0]}": [[0, 9, 0.9]],
                "topic__health": [[0, 9, 0.5]],
                "format": BINS[i][1],
            },
        }
        for i, doc_id in enumerate(ids)
    ]
    made_up.write(tmp_path / "attributes/labels/000.json.gz", labels)
    layout = {
        **made_up.dolma,
        "topic": "attributes:labels:topic__*",
        "format": "attributes:labels:format",
    }
    manifest, malformed = made_up.index([str(path)], layout)
    assert not malformed.reasons
    assert manifest.select("topic", "format").rows() == list(BINS[:10])
    assert manifest["url_domain"][:2].to_list() == ["advocatesaz.org"] * 2
    assert set(manifest["source"]) == {"common-crawl"}
