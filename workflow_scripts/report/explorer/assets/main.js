// Events, and the first drawing.

const drawings = {
  map: new Chart("map", mapShape, mapRows, placeCursor),
  topics: new Chart("topics", () => stripShape("topic"), () => stripRows("topic")),
  formats: new Chart("formats", () => stripShape("format"), () => stripRows("format")),
};
const isComparable = DATA.maps.some((map) => compareMeasure(map));
if (isComparable) drawings.compare = new Chart("compare", compareShape, compareRows);
// A map of one bin has no z to be compared by, and one map against itself is a line.
const hasPairs = DATA.maps.filter((map) => pairMeasure(map)).length > 1;
if (hasPairs) drawings.scatter = new Chart("scatter", scatterShape, scatterRows, hearScatter);

/** Everything once more; the promise is kept for those who wait for the page to be still. */
function drawAll() {
  drawControls();
  drawMapWords();
  drawColourLegend();
  drawMarkLegend();
  drawCard();
  drawPairWords();
  drawTable();
  placeCursor();
  window.atlasDrawn = Promise.all(Object.values(drawings).map((chart) => chart.draw()));
  window.atlasDrawn.then(() => {
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
  });
}

// ---- The map hears the pointer by place, so that marks on a cell do not hide it.
function binAt(event) {
  const layout = mapLayout();
  const place = byId("map-chart").getBoundingClientRect();
  const at = Math.floor((event.clientX - place.left - layout.left) / layout.cell);
  const row = Math.floor((event.clientY - place.top - layout.top) / layout.height);
  const inside = at >= 0 && at < COLUMNS && row >= 0 && row < DATA.topics.length;
  return inside ? row * COLUMNS + at : null;
}

function placeCursor() {
  const ring = byId("cursor");
  ring.hidden = state.cursor === null;
  if (ring.hidden) return;
  const layout = mapLayout();
  ring.style.left = `${layout.left + (state.cursor % COLUMNS) * layout.cell - 1}px`;
  ring.style.top = `${layout.top + Math.floor(state.cursor / COLUMNS) * layout.height - 1}px`;
  ring.style.width = `${layout.cell + 2}px`;
  ring.style.height = `${layout.height + 2}px`;
}

function hearMap() {
  const holder = byId("map-chart");
  holder.addEventListener("pointermove", (event) => {
    const bin = binAt(event);
    state.cursor = bin;
    placeCursor();
    if (bin === null || event.pointerType === "touch") hideTip();
    else showBinTip(event, bin);
  });
  holder.addEventListener("pointerleave", () => {
    state.cursor = null;
    placeCursor();
    hideTip();
  });
  holder.addEventListener("click", (event) => {
    const bin = binAt(event);
    if (bin === null) return;
    choose(bin, state.several || event.shiftKey || event.ctrlKey || event.metaKey);
    // A finger does not hover: what it touches is told at once, until the page is moved.
    if (event.pointerType === "touch") showBinTip(event, bin);
  });
  window.addEventListener("scroll", hideTip, { passive: true });
  holder.addEventListener("keydown", hearKey);
  holder.addEventListener("blur", () => {
    state.cursor = null;
    placeCursor();
  });
}

function hearKey(event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const from = state.cursor ?? cardBin() ?? 0;
  if (steps[event.key]) {
    const [down, right] = steps[event.key];
    const row = Math.min(DATA.topics.length - 1, Math.max(0, Math.floor(from / COLUMNS) + down));
    const at = Math.min(COLUMNS - 1, Math.max(0, (from % COLUMNS) + right));
    state.cursor = state.cursor === null ? from : row * COLUMNS + at;
    placeCursor();
    const words = [...mainRows(state.cursor).map((pair) => pair.join(" ")), ...markWords(state.cursor)];
    byId("spoken").textContent = `${nameOf(state.cursor)}: ${words.join("; ")}`;
    const place = byId("cursor").getBoundingClientRect();
    showBinTip({ clientX: place.right - 10, clientY: place.bottom - 8 }, state.cursor);
  } else if (event.key === "Enter" || event.key === " ") {
    choose(from, state.several || event.shiftKey);
  } else if (event.key === "Escape") {
    hideTip();
    change({ chosen: [], cursor: null });
  } else return;
  event.preventDefault();
}

// ---- A bar of a strip tells its mean; clicked, it becomes the search.
function hearStrip(axis) {
  const holder = byId(`${axis}s-chart`);
  const barAt = (event) => {
    const shape = stripShape(axis);
    const place = holder.getBoundingClientRect();
    const vertical = axis === "topic";
    const offset = vertical ? event.clientY - place.top - shape.padding.top : event.clientX - place.left - shape.padding.left;
    const names = vertical ? DATA.topics : DATA.formats;
    const at = Math.floor((offset / (vertical ? shape.height : shape.width)) * names.length);
    return at >= 0 && at < names.length ? at : null;
  };
  holder.addEventListener("pointermove", (event) => {
    const at = barAt(event);
    const margin = measured()?.margins[axis];
    if (at === null || !margin) return hideTip();
    const title = (axis === "topic" ? DATA.topics : DATA.formats)[at][1];
    return showTip(event, title, [
      [`Mean ${shortName()}`, numberOf(margin.value[at])],
      [`${percent(DATA.confidence)} interval`, intervalOf(margin.low[at], margin.high[at])],
      ...(margin.q ? [[`q among ${axis}s`, probability(margin.q[at])]] : []),
    ], [`Mean${drawWords(measured())}`]);
  });
  holder.addEventListener("pointerleave", hideTip);
  holder.addEventListener("click", (event) => {
    const at = barAt(event);
    if (at === null) return;
    const name = (axis === "topic" ? DATA.topics : DATA.formats)[at][1].toLowerCase();
    change({ search: state.search.trim().toLowerCase() === name ? "" : name });
  });
}

function hearScatter(chart) {
  chart.view.addEventListener("mousemove", (event, item) => {
    const bin = item?.datum?.index;
    if (bin === undefined) return hideTip();
    const pair = [state.across, state.up].map((key) => MAPS.get(key));
    return showTip(event, nameOf(bin), pair.map((map) => [pairLabel(map), number(pairMeasure(map).value[bin])]));
  });
  chart.view.addEventListener("click", (event, item) => {
    if (item?.datum?.index !== undefined) choose(item.datum.index, state.several || event.shiftKey || event.ctrlKey || event.metaKey);
  });
  chart.element.onpointerleave = hideTip;
}

function hearControls() {
  for (const id of ["map-choice", "scatter-x", "scatter-y"]) fillMaps(byId(id));
  const hear = (id, event, changes) => byId(id).addEventListener(event, ({ target }) => change(changes(target)));
  hear("map-choice", "change", ({ value }) => ({ map: value }));
  hear("measure-choice", "change", ({ value }) => ({ measure: value }));
  hear("scatter-x", "change", ({ value }) => ({ across: value }));
  hear("scatter-y", "change", ({ value }) => ({ up: value }));
  hear("search", "input", ({ value }) => ({ search: value }));
  for (const id of ["mask", "truth", "several"]) hear(id, "change", ({ checked }) => ({ [id]: checked }));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("scatter-card").hidden = !hasPairs;
  byId("compare").hidden = !isComparable;
  byId("table-filter").addEventListener("change", ({ target }) => {
    Object.assign(table, { filter: target.value, page: 0 });
    drawTable();
  });
  for (const [id, step] of [["page-back", -1], ["page-next", 1]]) {
    byId(id).addEventListener("click", () => {
      table.page += step;
      drawTable();
    });
  }
}

function hearTheme() {
  const follow = () => {
    applyTheme();
    drawAll();
  };
  const boxes = [...document.querySelectorAll("input[name=theme]")];
  try {
    const kept = localStorage.getItem("atlas-theme");
    const box = boxes.find(({ value }) => value === kept);
    if (box) box.checked = true;
  } catch {
    // Some browsers keep nothing for pages from disk.
  }
  for (const box of boxes) {
    box.addEventListener("change", () => {
      try {
        localStorage.setItem("atlas-theme", box.value);
      } catch {
        // As above.
      }
      follow();
    });
  }
  media.addEventListener("change", follow);
}

/** The bin that supports the first map most, so that the page opens with an example. */
function firstChoice() {
  const ranks = DATA.maps[0].columns.rank || [];
  const best = ranks.indexOf(1);
  return best < 0 ? [] : lettered([best]);
}

hearControls();
hearTheme();
hearMap();
hearStrip("topic");
hearStrip("format");
applyTheme();
drawAbout();
listeners.push(() => {
  table.page = 0;
}, drawAll);
change({ chosen: firstChoice(), ...recalled() });
let waiting = null;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(drawAll, 120);
});
