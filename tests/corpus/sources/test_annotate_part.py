import json

import numpy as np
import pytest
import yaml

from tests.support import rule_call, write_arc
from tests.workflow.clone import Clone
from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.common.labels import read_label
from workflow_scripts.common.tables import read_table
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.sources import annotate_part
from workflow_scripts.corpus.sources.classifiers import Classifier, batches, label_order

# The outputs of the published classifiers, in their order, as their cards name them.
TOPIC_NAMES = [
    "Adult",
    "Art & Design",
    "Software Dev.",
    "Crime & Law",
    "Education & Jobs",
    "Hardware",
    "Entertainment",
    "Social Life",
    "Fashion & Beauty",
    "Finance & Business",
    "Food & Dining",
    "Games",
    "Health",
    "History",
    "Home & Hobbies",
    "Industrial",
    "Literature",
    "Politics",
    "Religion",
    "Science & Tech.",
    "Software",
    "Sports & Fitness",
    "Transportation",
    "Travel",
]
FORMAT_NAMES = [
    "Academic Writing",
    "Content Listing",
    "Creative Writing",
    "Customer Support",
    "Comment Section",
    "FAQ",
    "Truncated",
    "Knowledge Article",
    "Legal Notices",
    "Listicle",
    "News Article",
    "Nonfiction Writing",
    "About (Org.)",
    "News (Org.)",
    "About (Pers.)",
    "Personal Blog",
    "Product Page",
    "Q&A Forum",
    "Spam / Ads",
    "Structured Data",
    "Documentation",
    "Audio Transcript",
    "Tutorial",
    "User Review",
]
NAMES = {"topic": TOPIC_NAMES, "format": FORMAT_NAMES}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Tiny random classifiers of the published ones' architecture (GTE), with their names."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GteConfig, GteForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("classifiers")
    words = ["[PAD]", "[UNK]", "https", *(f"word{i}" for i in range(300))]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    for seed, (kind, names) in enumerate(NAMES.items()):
        torch.manual_seed(seed)
        settings = GteConfig(
            vocab_size=len(words),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=128,
            pad_token_id=0,
            id2label=dict(enumerate(names)),
            label2id={name: i for i, name in enumerate(names)},
            initializer_range=0.5,
        )
        GteForSequenceClassification(settings).save_pretrained(folder / kind)
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
        )
        fast.save_pretrained(folder / kind)
    return folder


def annotate(models, folder, files, layout, form="text", kinds=("topic", "format")):
    settings = complete({"study": "t", "benchmarks": ["b"]})["corpus"]["annotate"]
    settings.update({f"{kind}_model": str(models / kind) for kind in kinds}, input=form)
    call = rule_call(
        "annotate_part",
        input={"documents": files, "attributes": []},
        output={"annotations": folder / "a.parquet"},
        params={
            "layout": layout,
            "annotate": settings,
            "models": {kind: str(models / kind) for kind in kinds},
            "device": "cpu",
            "precision": "float32",
        },
    )
    annotate_part.main(call)
    return read_table(folder / "a.parquet", "corpus/annotations")


def alone(models, kind, text):
    """Label and probability from one text by itself, without our batching."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models / kind)
    model = AutoModelForSequenceClassification.from_pretrained(models / kind).eval()
    with torch.no_grad():
        chances = model(**tokenizer([text], return_tensors="pt")).logits.softmax(-1)[0]
    return read_label(kind, NAMES[kind][int(chances.argmax())]), float(chances.max())


def test_names_of_the_published_classifiers_are_every_label_once():
    assert {read_label("topic", name) for name in TOPIC_NAMES} == set(TOPICS)
    assert {read_label("format", name) for name in FORMAT_NAMES} == set(FORMATS)
    assert [read_label("topic", label) for label in TOPICS] == list(TOPICS)
    assert read_label("topic", "Cooking") is None


def test_names_in_their_order_are_the_published_numbers(real_data):
    known = json.loads((real_data / "weborganizer" / "id_to_label.json").read_text())
    for kind, names in NAMES.items():
        expected = [known[f"{kind}s"][str(i)] for i in range(24)]
        assert label_order(kind, dict(enumerate(names)), (), "m") == expected
        for entry in json.loads((real_data / "weborganizer" / f"{kind}s.json").read_text()):
            spelled = entry.get("domain_fullname", entry["domain_name"].replace("<br>", " "))
            assert read_label(kind, spelled) == expected[entry["domain_id"]]


def test_unknown_name_and_number_of_outputs_are_refused_by_name():
    names = {**dict(enumerate(TOPIC_NAMES)), 10: "Cooking"}
    with pytest.raises(ConfigError, match=r"output 10 of 'm' is called 'Cooking', which is no"):
        label_order("topic", names, (), "m")
    with pytest.raises(ConfigError, match=r"'m' has 2 outputs; allowed: 24, one a topic"):
        label_order("topic", {0: "Health", 1: "Games"}, (), "m")
    with pytest.raises(ConfigError, match=r"output 12 .* 'Health', which stands twice"):
        label_order("topic", {**names, 10: "Health"}, (), "m")
    unnamed = {i: f"LABEL_{i}" for i in range(24)}
    assert label_order("topic", unnamed, TOPICS[::-1], "m") == list(TOPICS[::-1])


def test_hub_id_without_a_commit_is_refused():
    with pytest.raises(ConfigError, match=r"topic_model.*no local folder.*'.*topic_revision'"):
        Classifier("topic", "WebOrganizer/TopicClassifier", "main")


@pytest.mark.slow
def test_classifier_that_is_not_there_is_one_line(tmp_path):
    for model in ("no/such", str(tmp_path)):
        with pytest.raises(ConfigError, match="no classifier can be loaded from") as error:
            Classifier("topic", model, "0" * 40)
        assert "\n" not in str(error.value)


def test_batches_hold_each_text_once_and_no_more_tokens_than_allowed():
    lengths = [7, 1, 30, 4, 4, 12]
    found = list(batches(lengths, 16))
    assert sorted(i for batch in found for i in batch) == list(range(6))
    assert all(len(b) * max(lengths[i] for i in b) <= 16 or len(b) == 1 for b in found)


@pytest.mark.slow
def test_labels_do_not_depend_on_batches_and_equal_the_model_alone(models, made_up):
    classifier = Classifier("topic", str(models / "topic"), "")
    texts = [row["text"] for row in made_up.rows(12)]
    labels, confidence = classifier.classify(texts, 100, 64)
    for size in (1, 10_000):
        other, again = classifier.classify(texts, 100, size)
        assert other == labels
        np.testing.assert_allclose(again, confidence, rtol=1e-4)
    assert len(set(labels)) > 1
    for i in (0, 5):
        label, chance = alone(models, "topic", texts[i])
        assert labels[i] == label
        assert confidence[i] == pytest.approx(chance, rel=1e-4)


@pytest.mark.slow
def test_only_missing_labels_are_made_and_the_index_takes_them(models, made_up, tmp_path):
    rows = made_up.rows(20)
    for i in range(0, 20, 2):
        rows[i]["topic"] = None
    rows[3]["text"] = ""
    rows[4]["text"] = ""
    path = made_up.write(tmp_path / "d.jsonl", rows)
    table = annotate(models, tmp_path, [path], made_up.table)
    assert table["row"].to_list() == [i + 1 for i in range(0, 20, 2) if i != 4]
    assert table["format"].null_count() == table.height
    label, chance = alone(models, "topic", rows[0]["text"])
    assert table["topic"][0] == label
    assert table["topic_confidence"][0] == pytest.approx(chance, rel=1e-4)
    manifest, malformed = made_up.index([path], made_up.table, annotations=table)
    assert malformed.as_json()["malformed"].keys() == {"empty_text", "missing_topic"}
    made = dict(table.select("row", "topic").iter_rows())
    for row, topic in manifest.select("row", "topic").iter_rows():
        assert topic == made.get(row, rows[row - 1]["topic"])


@pytest.mark.slow
def test_source_without_labels_is_labelled_from_url_and_text(models, made_up, tmp_path):
    rows = [
        {k: v for k, v in row.items() if k not in ("topic", "format")} for row in made_up.rows(6)
    ]
    path = made_up.write(tmp_path / "d.parquet", rows)
    layout = {**made_up.table, "topic": "", "format": ""}
    plain = annotate(models, tmp_path, [path], layout)
    with_url = annotate(models, tmp_path, [path], layout, "url_text")
    for i in (0, 4):
        given = f"{rows[i]['url'] or ''}\n\n{rows[i]['text']}"
        assert with_url["format_confidence"][i] == pytest.approx(
            alone(models, "format", given)[1], rel=1e-4
        )
    assert not plain.equals(with_url)
    manifest, malformed = made_up.index([path], layout, annotations=plain)
    assert not malformed.reasons
    assert manifest.select("topic", "format").equals(plain.select("topic", "format"))


def test_study_without_any_labels_is_refused_by_key():
    files = {"documents": ["x.jsonl"], "columns": {"topic": ""}}
    config = {"study": "t", "benchmarks": ["b"], "corpus": {"source": "files", "files": files}}
    with pytest.raises(ConfigError, match=r"corpus\.annotate\.topic_model"):
        complete(config)
    config["corpus"]["annotate"] = {"topic_model": "m"}
    assert complete(config)["corpus"]["annotate"]["input"] == "text"


@pytest.mark.slow
def test_study_without_labels_runs_through_snakemake(models, made_up, tmp_path):
    rows = [{k: row[k] for k in ("id", "text", "url")} for row in made_up.rows(30)]
    made_up.write(tmp_path / "d.jsonl", rows)
    write_arc(tmp_path)
    columns = {"topic": "", "format": "", "url": "url"}
    corpus = {
        "source": "files",
        "files": {"documents": ["<data>/d.jsonl"], "columns": columns},
        "annotate": {f"{kind}_model": str(models / kind) for kind in NAMES},
    }
    config = {
        "study": "t",
        "data": str(tmp_path),
        "benchmarks": ["arc_challenge"],
        "corpus": corpus,
        "unlearning": {"benchmarks": []},
    }
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(config))
    clone = Clone(tmp_path / "atlas")
    wanted = "results/t/corpus/documents/p0000.parquet"
    code, text = clone.run(wanted, "--configfile", tmp_path / "t.yaml")
    assert code == 0, text[-3000:]
    results = clone.folder / "results/t/corpus"
    made = read_table(results / "annotations/p0000.parquet", "corpus/annotations")
    manifest = read_table(results / "manifest/p0000.parquet", "corpus/manifest")
    assert manifest.select("topic", "format").equals(made.select("topic", "format"))
    texts = read_table(results / "documents/p0000.parquet", "corpus/documents")
    assert set(texts["doc_id"]) <= {row["id"] for row in rows}
