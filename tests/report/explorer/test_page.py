"""The explorer in a real browser: from disk, with the network off, on a laptop and on a phone."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.report.conftest import make_bins
from tests.report.explorer_studies import EMPTY, THIN, make_study, write_page_of
from workflow_scripts.common.files import write_json
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS, TOPICS, display_name
from workflow_scripts.report.cautions import NOTE, WARNING, caution
from workflow_scripts.report.figures.contrast_panels import found

pytestmark = pytest.mark.slow
LAPTOP, PHONE = (1280, 900), (390, 844)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
CHECKS = Path(__file__).with_name("explorer_checks.js")
CELL = "#map-chart g.layer_0_marks > path"


class Reader:
    """A browser with the page open, and what a person does with it."""

    def __init__(self, profile):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = Service(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_script_timeout(30)

    def run(self, script, *values):
        return self.driver.execute_script(script, *values)

    def check(self, name):
        """Problems found by a check of ``explorer_checks.js``."""
        return self.run(f"{CHECKS.read_text()}; return {name}();")

    def look(self, size, dark=False):
        """Set the size of the window and the system's theme."""
        width, height = size
        screen = {"width": width, "height": height, "deviceScaleFactor": 1}
        screen["mobile"] = width < 500
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})

    def open(self, page, size=LAPTOP, dark=False, part=""):
        self.look(size, dark)
        self.driver.get("about:blank")
        self.driver.get(page.as_uri() + part)
        self.settle()

    def settle(self):
        """Wait until every chart is drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "const wait = () => window.atlasDrawn"
            " ? window.atlasDrawn.then(() => done()) : setTimeout(wait, 20); wait();"
        )

    def choose(self, id_, value):
        """Take an entry of a selection, as the browser does it."""
        self.run(
            "const box = document.getElementById(arguments[0]); box.value = arguments[1];"
            "box.dispatchEvent(new Event('change', {bubbles: true}));",
            id_,
            value,
        )
        self.settle()

    def tick(self, id_):
        self.run("document.getElementById(arguments[0]).click()", id_)
        self.settle()

    def search(self, words):
        self.run(
            "const box = document.getElementById('search'); box.value = arguments[0];"
            "box.dispatchEvent(new Event('input', {bubbles: true}));",
            words,
        )
        self.settle()

    def mouse(self, kind, x, y, **more):
        event = {"type": kind, "x": x, "y": y, **more}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def middle(self, bin_):
        """Middle of a cell in the window, once it has scrolled to where it is seen."""
        return self.driver.execute_async_script(
            "const [selector, at, done] = arguments;"
            "const cell = document.querySelectorAll(selector)[at];"
            "cell.scrollIntoView({block: 'center'});"
            "const told = () => { const box = cell.getBoundingClientRect();"
            "done([box.x + box.width / 2, box.y + box.height / 2]); };"
            "requestAnimationFrame(() => requestAnimationFrame(told));",
            CELL,
            bin_,
        )

    def hover(self, bin_):
        """Point at a cell; returns the tip's title, its rows and its notes."""
        self.mouse("mouseMoved", *self.middle(bin_))
        title, rows, notes = self.run(
            "const tip = document.getElementById('tip'); if (tip.hidden) return ['', [], []];"
            "return [tip.querySelector('strong').textContent,"
            "[...tip.querySelectorAll('tr')]"
            ".map((row) => [...row.children].map((cell) => cell.textContent)),"
            "[...tip.querySelectorAll('.small')].map((note) => note.textContent)];"
        )
        return title, dict(rows), notes

    def click(self, bin_, modifiers=0):
        x, y = self.middle(bin_)
        button = {"button": "left", "clickCount": 1, "modifiers": modifiers}
        self.mouse("mousePressed", x, y, **button)
        self.mouse("mouseReleased", x, y, **button)
        self.settle()

    def key(self, name):
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": name, "code": name}
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)
        self.settle()

    def fills(self):
        return self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".map((cell) => cell.getAttribute('fill'))",
            CELL,
        )

    def faded(self):
        """Bins that are not drawn at full strength."""
        opacities = self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".map((c) => Number(c.getAttribute('fill-opacity') ?? 1))",
            CELL,
        )
        return {index for index, opacity in enumerate(opacities) if opacity < 0.5}

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def rows(self):
        return self.run(
            "return [...document.querySelectorAll('#bins tbody tr')]"
            ".map((row) => [...row.children].map((cell) => cell.innerText.trim()))"
        )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    inputs = make_study(folder)
    return inputs, write_page_of(inputs, folder / "report" / "explorer.html")


@pytest.fixture(scope="module")
def page(study):
    return study[1]


@pytest.fixture(scope="module")
def bins(study):
    """The bin table, for what the page must show."""
    return read_table(study[0]["bins"], "influence/bin_influence")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here; .ci/run installs it")
    browser = Reader(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


def row_of(bins, name, index):
    topic, format_ = BINS[index]
    return bins.filter(benchmark=name, topic=topic, format=format_).row(0, named=True)


def bin_name(index):
    return " × ".join(map(display_name, BINS[index]))


def shown(text):
    """A number as the page writes it."""
    return float(text.replace("\u2212", "-").replace(",", ""))


def test_page_opens_from_disk_without_network_and_says_nothing_in_the_console(reader, page):
    reader.driver.get_log("browser")
    reader.driver.get_log("performance")
    reader.driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    reader.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    reader.open(page)
    assert reader.count(CELL) == 576
    assert [entry["message"] for entry in reader.driver.get_log("browser")] == []
    asked = [json.loads(e["message"])["message"] for e in reader.driver.get_log("performance")]
    asked = [m["params"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    assert {re.split(r"[:?#]", each["request"]["url"])[0] for each in asked} <= {
        "file",
        "data",
        "about",
    }


def test_every_control_works_without_a_message_in_the_console(reader, page):
    reader.open(page)
    reader.driver.get_log("browser")
    for name in ("stem_knowledge", "contrast:reasoning", "contrast:difference", "social_reasoning"):
        reader.choose("map-choice", name)
    for name in ("robust_z", "influence", "z"):
        reader.choose("measure-choice", name)
    for box in ("mask", "truth", "several", "several", "truth", "mask"):
        reader.tick(box)
    reader.choose("scatter-x", "contrast:knowledge")
    reader.search("health")
    reader.search("")
    assert [entry["message"] for entry in reader.driver.get_log("browser")] == []


def test_the_words_beside_the_scatter_lead_with_cross_half(reader, study, page):
    row = read_table(study[0]["correlations"], "influence/correlations").row(0, named=True)
    reader.open(page)
    for axis, name in (("x", row["benchmark_a"]), ("y", row["benchmark_b"])):
        reader.choose(f"scatter-{axis}", name)
    words = reader.text("#scatter-note").replace("\u2212", "-")
    assert words.startswith(f"Cross-half {row['cross_half']:.2f} (")
    assert "p 0.04), 0.60 at most" in words
    assert words.index("Cross-half") < words.index(
        f"Pearson {row['pearson']:.2f} of the whole maps"
    )


def test_another_benchmark_changes_the_map(reader, page, bins):
    reader.open(page)
    before = reader.fills()
    reader.choose("map-choice", "stem_knowledge")
    after = reader.fills()
    assert sum(a != b for a, b in zip(before, after, strict=True)) > 300
    assert reader.text("#map-title") == "STEM knowledge"
    # The strongest bins of the table are the reddest and the bluest cells.
    table = bins.filter(benchmark="stem_knowledge").drop_nulls("z").sort("z")
    for row, sign in ((table.row(-1, named=True), 1), (table.row(0, named=True), -1)):
        colour = after[BINS.index((row["topic"], row["format"]))]
        red, _, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        assert sign * (red - blue) > 50


@pytest.mark.parametrize("name", ["social_reasoning", "stem_reasoning"])
def test_hovering_shows_the_numbers_of_the_table(reader, page, bins, name):
    reader.open(page)
    reader.choose("map-choice", name)
    for index in (0, 5, 40, 63, 88, 130, 287, 431, 574):
        title, tip, _ = reader.hover(index)
        row = row_of(bins, name, index)
        assert title == bin_name(index)
        assert shown(tip["z"]) == pytest.approx(row["z"], abs=0.0051)
        assert shown(tip["Documents (n)"]) == row["n_docs"]
        assert tip["Rank"] == f"{row['rank']} of {576 - len(EMPTY)}"
        q = tip["q (false discovery rate)"]
        assert shown(q.split(",")[0]) == pytest.approx(row["q_unusual"], rel=0.051)
        assert ("stands out" in q) == (row["q_unusual"] < 0.05)


def test_hovering_shows_influence_with_its_interval(reader, page, bins):
    reader.open(page)
    reader.choose("measure-choice", "influence")
    for index in (17, 90, 333):
        _, tip, _ = reader.hover(index)
        row = row_of(bins, "social_reasoning", index)
        # Three significant digits of the largest, the same decimals for all.
        half = 0.0051 * 10 ** np.floor(np.log10(bins["influence"].abs().max()))
        assert shown(tip["Influence"]) == pytest.approx(row["influence"], abs=half)
        low, high = tip["95% interval"].split(" to ")
        assert shown(low) == pytest.approx(row["ci_low"], abs=half)
        assert shown(high) == pytest.approx(row["ci_high"], abs=half)


def test_bins_without_documents_are_hatched_and_have_no_number(reader, page):
    reader.open(page)
    fills = reader.fills()
    assert [index for index, fill in enumerate(fills) if "hatch" in fill] == list(EMPTY)
    for index in EMPTY:
        _, tip, _ = reader.hover(index)
        assert list(tip.values()) == ["no documents: no evidence"]
    assert "few documents" in reader.hover(THIN[0])[2][0].lower()


def test_clicking_compares_the_bin_on_every_map(reader, page, bins):
    reader.open(page)
    reader.click(130)
    assert reader.text("#bin-title").endswith(bin_name(130))
    points = "#compare-chart g.layer_2_marks > path"
    assert reader.count(points) == 7
    places = reader.run(
        "return [...document.querySelectorAll(arguments[0])]"
        ".map((point) => point.getBoundingClientRect()).map((box) => box.x + box.width / 2)",
        points,
    )
    names = ["social_reasoning", "social_knowledge", "stem_reasoning", "stem_knowledge"]
    values = [row_of(bins, name, 130)["z"] for name in names]
    # Places are a line in the values, whatever the scale.
    slope, level = np.polyfit(values, places[:4], 1)
    assert slope > 0
    np.testing.assert_allclose(np.polyval([slope, level], values), places[:4], atol=1.0)
    # Their error bars too: every one that the table knows.
    assert reader.count("#compare-chart g.layer_1_marks > line") == 7


def test_a_second_bin_joins_the_comparison_and_can_be_taken_away(reader, page):
    reader.open(page)
    reader.click(40)
    reader.click(300, modifiers=8)
    assert reader.count("#compare-chart g.layer_2_marks > path") == 14
    assert reader.count(".chip") == 2
    assert reader.count("#scatter-chart g.layer_3_marks > path") == 2
    reader.click(40, modifiers=8)
    assert reader.count("#compare-chart g.layer_2_marks > path") == 7
    reader.click(500)
    assert reader.text("#bin-title").endswith(bin_name(500))


def test_mask_leaves_the_bins_that_stand_out(reader, page, bins):
    reader.open(page)
    reader.tick("mask")
    table = bins.filter(pl.col("q_unusual") < 0.05, benchmark="social_reasoning")
    kept = {BINS.index(pair) for pair in table.select("topic", "format").iter_rows()}
    assert kept
    assert reader.faded() == set(range(576)) - kept
    assert f"of {len(kept)} bin" in reader.text("#table-count")


def test_a_contrast_is_masked_by_the_rule_of_its_figure_and_says_it(reader, page, study):
    contrasts = read_table(study[0]["contrasts"], "influence/contrasts")
    table = contrasts.filter(found(), contrast="knowledge", axis="bin")
    kept = {BINS.index(pair) for pair in table.select("topic", "format").iter_rows()}
    assert kept
    reader.open(page, part="#map=contrast:knowledge")
    reader.tick("mask")
    assert reader.faded() == set(range(576)) - kept
    assert "q < 0.05" in reader.text("#mask-label")
    assert "q < 0.05, false discovery rate" in reader.text("#mark-legend")
    assert f"{len(kept)} of 573 bins stand out at q < 0.05" in reader.text("#map-facts")
    assert "same rule" in reader.text("#how")
    index = min(kept)
    _, tip, _ = reader.hover(index)
    row = table.filter(topic=BINS[index][0], format=BINS[index][1]).row(0, named=True)
    words = tip["q (false discovery rate)"]
    assert words.endswith(", stands out")
    assert shown(words.split(",")[0]) == pytest.approx(row["q_value"], rel=0.051)


def test_search_finds_topics_and_formats(reader, page):
    reader.open(page)
    reader.search("health")
    at = TOPICS.index("health")
    assert reader.faded() == set(range(576)) - set(range(24 * at, 24 * at + 24))
    reader.search("politics faq")
    assert reader.faded() == set(range(576)) - {BINS.index(("politics", "faq"))}
    assert [row[:2] for row in reader.rows()] == [["Politics", "FAQ"]]
    for words in ("health & faq", "Health × FAQ", "faq, health", "health x faq"):
        reader.search(words)
        assert reader.faded() == set(range(576)) - {BINS.index(("health", "faq"))}
    reader.search("nowhere at all")
    assert "No bin is left" in reader.rows()[0][0]


def test_search_takes_blanks_key_by_key_and_says_when_it_finds_nothing(reader, page):
    """A blank that was taken away at once made one word of two."""
    reader.open(page)
    reader.run("document.getElementById('search').focus()")
    value = "return document.getElementById('search').value"
    typed = ""
    for letter in " food dining faq ":
        reader.driver.switch_to.active_element.send_keys(letter)
        reader.settle()
        typed += letter
        assert reader.run(value) == typed
    assert reader.faded() == set(range(576)) - {BINS.index(("food_and_dining", "faq"))}
    assert reader.text("#search-note") == "1 bin found"
    assert reader.check("overlaps") == [] and reader.check("outside") == []
    reader.driver.switch_to.active_element.send_keys("xyz")
    reader.settle()
    assert reader.text("#search-note").startswith("nothing found")
    reader.search("  ")
    assert not reader.faded() and reader.text("#search-note") == ""


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_cautions_stand_where_they_concern_something(reader, study, tmp_path, size):
    index, line = 11, "A caution in a line that is rather long, and breaks on a phone."
    topic, format_ = BINS[index]
    cautions = [
        caution("near_chance", WARNING, f"Reasoning. {line}", ["stem_reasoning"]),
        caution("one_site", WARNING, "A bin.", ["stem_reasoning"], topic=topic, format=format_),
        caution("left_out_rows", NOTE, f"All maps. {line}"),
    ]
    write_json(tmp_path / "list.json", cautions)
    inputs = study[0] | {"cautions": str(tmp_path / "list.json")}
    page = write_page_of(inputs, tmp_path / "x.html")
    reader.open(page, size, part=f"#map=stem_reasoning&bins={index}")
    shown = reader.text("#map-cautions").splitlines()
    assert shown == [one["text"] for one in cautions]
    assert reader.count("#map-cautions .warning") == 2
    assert reader.text("#bin-cautions") == "A bin."
    assert reader.text("#all-cautions .cautions").splitlines() == shown
    assert reader.check("overlaps") == [] and reader.check("outside") == []
    reader.choose("map-choice", "social_knowledge")
    assert reader.text("#map-cautions").splitlines() == [f"All maps. {line}"]
    # A contrast has the cautions of both its sides.
    reader.choose("map-choice", "contrast:reasoning")
    assert reader.text("#map-cautions").splitlines() == shown


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 1), (8, 8)], ids=str)
def test_topics_and_formats_without_documents_are_folded(reader, tmp_path, shape, size):
    rows, columns = shape
    filled = [24 * (row + 2) + column + 3 for row in range(rows) for column in range(columns)]
    write_table(make_bins(filled), tmp_path / "bins.parquet", "influence/bin_influence")
    titles = {"stem_reasoning": "STEM reasoning", "stem_knowledge": "STEM knowledge"}
    page = write_page_of({"bins": str(tmp_path / "bins.parquet")}, tmp_path / "x.html", titles)
    reader.driver.get_log("browser")
    reader.open(page, size)
    assert reader.count(CELL) == rows * columns
    assert f"Shown: {rows} of 24 topics and {columns} of 24 formats" in reader.text("#map-note")
    title, *_ = reader.hover(rows * columns - 1)
    assert title == bin_name(filled[-1])
    reader.click(0)
    assert reader.count("#bins tbody tr") == min(15, rows * columns)
    assert reader.check("overlaps") == [] and reader.check("outside") == []
    assert reader.check("cut") == []
    assert reader.driver.get_log("browser") == []


def test_planted_truth_lies_over_the_map(reader, page):
    reader.open(page)
    outlines = "#map-chart g.layer_4_marks > path"
    assert reader.count(outlines) == 0
    reader.tick("truth")
    assert reader.count(outlines) == 30
    assert "Planted: support, dose 25%" in reader.hover(0)[2]
    assert "planted" in reader.text("#mark-legend")
    # A contrast is of several benchmarks: no one truth lies under it.
    reader.choose("map-choice", "contrast:reasoning")
    assert reader.count(outlines) == 0
    assert "planted" not in reader.text("#mark-legend")
    assert reader.run("return document.getElementById('truth-field').hidden")
    reader.choose("map-choice", "social_reasoning")
    assert reader.count(outlines) == 30


def test_the_chosen_measure_comes_back_after_a_map_that_lacks_it(reader, page):
    reader.open(page)
    told = "return document.getElementById('measure-choice').value"
    reader.choose("measure-choice", "influence")
    reader.choose("map-choice", "contrast:reasoning")
    assert reader.run(told) == "gap"
    reader.choose("map-choice", "stem_knowledge")
    assert reader.run(told) == "influence"


def test_bins_without_documents_carry_no_mark_of_thin_ones_and_the_legend_says_what_few_is(
    reader, page
):
    reader.open(page)
    assert reader.count("#map-chart g.layer_2_marks > path") == len(THIN)
    assert "few documents (fewer than asked for)" in reader.text("#mark-legend")
    _, _, notes = reader.hover(EMPTY[0])
    assert notes == []


def test_one_benchmark_has_no_scatter(reader, study, tmp_path):
    inputs = {"bins": study[0]["bins"]}
    page = write_page_of(inputs, tmp_path / "x.html", {"stem_reasoning": "STEM reasoning"})
    reader.driver.get_log("browser")
    reader.open(page)
    assert reader.run("return document.getElementById('scatter-card').hidden")
    reader.search("health")
    reader.click(40)
    assert reader.driver.get_log("browser") == []


def test_table_holds_the_map_and_sorts(reader, page, bins):
    reader.open(page)
    table = bins.filter(benchmark="social_reasoning").drop_nulls("z").sort("z", descending=True)
    best = [
        [display_name(row["topic"]), display_name(row["format"])]
        for row in table.iter_rows(named=True)
    ]
    assert [row[:2] for row in reader.rows()] == best[:15]
    values = [shown(row[2]) for row in reader.rows()]
    assert values == pytest.approx(table["z"].head(15).to_list(), abs=0.0051)
    reader.run("document.querySelector('[data-sort=value]').click()")
    assert [row[:2] for row in reader.rows()] == best[::-1][:15]
    assert (
        reader.run("return document.querySelector('th[aria-sort]').getAttribute('aria-sort')")
        == "ascending"
    )
    reader.run("document.querySelector('[data-sort=topic]').click()")
    assert {row[0] for row in reader.rows()} == {"Adult content"}
    caption = reader.text("#bins caption")
    assert "Social reasoning" in caption
    for _ in range(38):
        reader.run("document.getElementById('page-next').click()")
    assert reader.text("#table-count") == "571 to 576 of 576 bins"
    reader.run("document.querySelector('[data-sort=value]').click()")
    for _ in range(38):
        reader.run("document.getElementById('page-next').click()")
    # Bins without a number come last in either direction.
    assert [row[2] for row in reader.rows()[-3:]] == ["no documents"] * 3


def test_map_is_read_and_chosen_from_the_keyboard(reader, page, bins):
    reader.open(page)
    reader.run("document.getElementById('map-chart').focus()")
    reader.key("Escape")
    for name in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"):
        reader.key(name)
    spoken = reader.text("#spoken") or reader.run(
        "return document.getElementById('spoken').textContent"
    )
    assert spoken.startswith(bin_name(49))
    assert f"{row_of(bins, 'social_reasoning', 49)['rank']} of 573" in spoken
    reader.key("Enter")
    assert reader.text("#bin-title").endswith(bin_name(49))


def test_a_view_can_be_shared_by_its_address(reader, page):
    reader.open(page, part="#map=stem_reasoning&measure=robust_z&bins=10.20&truth=1&search=health")
    assert reader.text("#map-title") == "STEM reasoning"
    assert reader.run("return document.getElementById('measure-choice').value") == "robust_z"
    assert reader.count(".chip") == 2
    assert reader.run("return document.getElementById('truth').checked")
    reader.open(page, part="#map=nothing&measure=none&bins=9999.x&across=")
    assert reader.text("#map-title") == "Social reasoning"
    assert reader.driver.get_log("browser") == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE, (820, 1100)], ids=["laptop", "phone", "tablet"])
def test_nothing_overlaps_or_leaves_the_page_and_text_is_read(reader, page, size, dark):
    reader.open(page, size, dark, "#truth=1&bins=40.130.300")
    assert reader.run("return document.documentElement.dataset.theme") == (
        "dark" if dark else "light"
    )
    assert reader.check("overlaps") == []
    assert reader.check("outside") == []
    assert reader.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert reader.check("faint") == []


VIEWS = [("social_reasoning", key) for key in ("z", "robust_z", "influence", "shrunk", "mass")]
VIEWS.append(("contrast:reasoning", "gap"))


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize(("name", "measure"), VIEWS)
def test_every_measure_fits_with_its_ticks_and_the_whole_table(reader, page, name, measure, size):
    reader.open(page, size, part=f"#map={name}&measure={measure}&truth=1")
    assert reader.run("return document.getElementById('measure-choice').value") == measure
    assert reader.check("overlaps") == []
    assert reader.check("outside") == []
    assert reader.check("cut") == []
    width, room = reader.run(
        "const box = document.querySelector('.scroll'); return [box.scrollWidth, box.clientWidth]"
    )
    assert width <= room


@pytest.mark.parametrize(("name", "measure"), VIEWS)
def test_numbers_of_a_measure_have_one_form(reader, page, name, measure):
    """The same decimals for all of a map, and one sign for minus."""
    reader.open(page, part=f"#map={name}&measure={measure}")
    reader.run("document.querySelector('[data-sort=value]').click()")
    # A measure without intervals has no column of them.
    last = 4 if "interval" in reader.text("#bins thead") else 3
    cells = [cell for row in reader.rows() for each in row[2:last] for cell in each.split(" to ")]
    cells = [cell for cell in cells if re.fullmatch(r"\u2212?[\d.]+", cell)]
    assert len({len(cell.partition(".")[2]) for cell in cells}) == 1
    assert any(cell.startswith("\u2212") for cell in cells)
    numbers = (reader.text(part) for part in ("#colour-legend", "#bin-numbers", "#map-grid"))
    assert not re.search(r"-\d", " ".join((*numbers, *cells)))


def test_mass_is_in_a_power_of_ten_that_is_named(reader, page, study):
    table = read_table(study[0]["weighted"], "influence/weighted")
    reader.open(page, part="#measure=mass")
    topic, format_ = BINS[40]
    row = table.filter(benchmark="social_reasoning", topic=topic, format=format_)
    label = reader.text("#bins [data-sort=value]").split(" ▾")[0]
    power = int(label.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))[len("Mass (10") : -1])
    _, tip, _ = reader.hover(40)
    assert power < 0
    assert shown(tip[label]) == pytest.approx(row["mass"].item() / 10**power, abs=0.51)
    assert label[len("Mass (") : -1] in reader.text("#colour-legend")
    assert label[len("Mass (") : -1] in reader.text("#strip-note")


def test_bars_say_what_their_intervals_draw(reader, page):
    reader.open(page)
    assert "documents and questions as draws" in reader.text("#strip-note")
    reader.choose("measure-choice", "shrunk")
    assert "draws" not in reader.text("#strip-note")


def test_theme_follows_the_system_and_the_switch(reader, page):
    reader.open(page)
    light = reader.run("return getComputedStyle(document.body).backgroundColor"), reader.fills()
    reader.run("document.querySelector('input[name=theme][value=dark]').click()")
    reader.settle()
    dark = reader.run("return getComputedStyle(document.body).backgroundColor"), reader.fills()
    assert light[0] != dark[0]
    assert sum(a != b for a, b in zip(light[1], dark[1], strict=True)) > 500
    reader.look(LAPTOP, dark=True)
    reader.run("document.querySelector('input[name=theme][value=light]').click()")
    reader.settle()
    assert reader.run("return getComputedStyle(document.body).backgroundColor") == light[0]
    reader.run("document.querySelector('input[name=theme][value=auto]').click()")
    reader.settle()
    assert reader.run("return document.documentElement.dataset.theme") == "dark"


def test_controls_have_names_and_the_table_a_caption_and_heads(reader, page):
    reader.open(page)
    assert reader.check("nameless") == []
    assert reader.count("#bins caption") == 1
    assert reader.count("#bins thead th[scope=col]") == 8
    assert reader.count("#bins tbody th[scope=row]") == 15


def test_a_map_without_errors_has_no_mask_and_no_bars(reader, study, tmp_path):
    """A study from an existing matrix: no error, no corpus, no truth."""
    from tests.report.conftest import make_marginals
    from tests.report.explorer.test_maps import matrix_bins
    from workflow_scripts.common.tables import write_table

    bins = matrix_bins()
    no_error = pl.lit(None, pl.Float64)
    marginals = make_marginals(bins, ("first", "second"))
    marginals = marginals.with_columns(ci_low=no_error, ci_high=no_error)
    made = {"bin_influence": bins, "marginals": marginals}
    for name, frame in made.items():
        write_table(frame, tmp_path / f"{name}.parquet", f"influence/{name}")
    inputs = {
        "bins": str(tmp_path / "bin_influence.parquet"),
        "marginals": str(tmp_path / "marginals.parquet"),
    }
    page = write_page_of(
        inputs, Path(tmp_path) / "x.html", {"first": "First", "second": "Second"}, matrix=True
    )
    reader.driver.get_log("browser")
    reader.open(page)
    assert reader.run("return document.getElementById('mask').disabled")
    assert "not tested" in reader.text("#mask-label")
    assert reader.run("return document.getElementById('truth-field').hidden")
    title, tip, _ = reader.hover(100)
    assert title == bin_name(100)
    assert set(tip) <= {"z", "Rank", "Documents (n)"}
    heads = reader.text("#bins thead").split()
    assert "interval" not in heads and "q" not in heads
    assert "existing bin matrix" in reader.text("#facts")
    assert "the unit's bins as draws" in reader.text("#strip-note")
    assert "stands out" not in reader.text("#mark-legend")
    assert "dot marks" not in reader.text("#how")
    reader.click(100)
    labels = [line.split("\t")[0] for line in reader.text("#bin-numbers").splitlines()]
    assert "Value" in labels
    assert not any("nfluence" in label or "cosine" in label for label in labels)
    options = reader.text("#measure-choice")
    assert "Value of the matrix" in options
    assert "cosine" not in options
    assert reader.driver.get_log("browser") == []
