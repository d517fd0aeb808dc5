// The map with its two strips, the comparison and the scatter.

const isNarrow = () => window.innerWidth <= 720;
// Outlines around a cell's dot, in units of half their width.
const ROLES = {
  support: "M-1,-1H1V1H-1Z",
  contradiction: "M0,-1.2L1.2,0L0,1.2L-1.2,0Z",
  decoy: "M-1,0A1,1,0,1,1,1,0A1,1,0,1,1,-1,0Z",
};

/** Sizes of the map in pixels: cells as wide as the page allows. */
function mapLayout() {
  const style = getComputedStyle(byId("map-card"));
  const inner = byId("map-card").clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  if (isNarrow()) {
    const left = 128;
    const cell = Math.min(40, Math.max(8, (inner - left - 2) / COLUMNS));
    return { left, right: 2, top: 4, bottom: 104, cell, height: 15, font: 9.5, angle: -90, strip: inner };
  }
  const left = 166;
  const strip = 112;
  const cell = Math.min(COLUMNS > 12 ? 24 : 40, Math.max(12, (inner - left - strip - 4) / COLUMNS));
  return { left, right: 4, top: 4, bottom: 100, cell, height: Math.max(19, Math.min(22, cell)), font: 11, angle: -45, strip };
}

function paddingOf(layout) {
  return { left: layout.left, right: layout.right, top: layout.top, bottom: layout.bottom };
}

function mapShape() {
  const layout = mapLayout();
  const small = Math.min(layout.cell, layout.height);
  const labels = { labelFontSize: layout.font, labelLimit: layout.left - 8 };
  const upright = layout.angle === -90;
  const turned = {
    labelAngle: layout.angle, labelFontSize: layout.font, labelLimit: 124, labelOverlap: false,
    labelAlign: "right", labelBaseline: upright ? "middle" : "top",
  };
  const edit = [];
  for (const [name, value] of Object.entries(labels)) edit.push([`layer.*.encoding.y.axis.${name}`, value]);
  for (const [name, value] of Object.entries(turned)) edit.push([`layer.*.encoding.x.axis.${name}`, value]);
  DATA.charts.map.layer.forEach((layer, at) => {
    const { name } = layer.data;
    const { type } = layer.mark;
    if (name === "dots") edit.push([`layer.${at}.mark.size`, (small * 0.24) ** 2 * Math.PI]);
    if (name === "thin" || name === "alike") edit.push([`layer.${at}.mark.size`, (small * 0.26) ** 2]);
    if (name === "truth") edit.push([`layer.${at}.mark.size`, (small * 0.74) ** 2]);
    if (name === "chosen" && type === "text") edit.push([`layer.${at}.mark.fontSize`, Math.max(10, small * 0.66)]);
  });
  return { width: layout.cell * COLUMNS, height: layout.height * DATA.topics.length, padding: paddingOf(layout), edit };
}

function mapRows() {
  const part = measured();
  const rows = { bins: [], dots: [], thin: [], alike: [], truth: [], chosen: [] };
  for (let bin = 0; bin < BINS; bin += 1) {
    const value = valueOf(bin, part);
    const fill = colour(value, part ? part.limit : 1);
    const shown = isShown(bin);
    const row = { index: bin, topic: topicOf(bin), format: formatOf(bin), fill, opacity: shown ? 1 : 0.14 };
    rows.bins.push(row);
    const mark = { topic: row.topic, format: row.format, ink: shown ? inkOn(fill) : theme.ink, opacity: shown ? 1 : 0.35 };
    // The letter of a chosen bin takes the dot's place; the card says what the dot says.
    if (isUnusual(bin) && !state.chosen.some(({ index }) => index === bin)) rows.dots.push(mark);
    if (isThin(bin)) rows.thin.push(mark);
    if (isAlike(bin)) rows.alike.push(mark);
    const planted = state.truth ? plantedIn(bin) : null;
    if (planted) {
      const { role, dose } = planted;
      rows.truth.push({ ...mark, shape: ROLES[role], width: dose ? 0.6 + 1.6 * dose : 0.8 });
    }
  }
  for (const { index, place } of state.chosen) {
    // In ink, not in the colours of the comparison: beside the map's own these would be read as values.
    rows.chosen.push({
      topic: topicOf(index), format: formatOf(index), stroke: theme.ink, letter: LETTERS[place],
      ink: inkOn(rows.bins[index].fill),
    });
  }
  return rows;
}

// ---- Strips: means of topics beside the map, of formats above it (below it on a phone).
function stripShape(axis) {
  const layout = mapLayout();
  const isTopic = axis === "topic";
  const value = isTopic ? "x" : "y";
  const domain = stripDomain();
  const edit = [
    [`layer.*.encoding.${value}.scale.domain`, domain],
    [`layer.*.encoding.${value}.axis.labelFontSize`, 10],
    [`layer.*.encoding.${value}.axis.labelColor`, theme.faint],
    [`layer.*.encoding.${value}.axis.values`, stripTicks(domain)],
    // As short as can be: three of them stand side by side.
    [`layer.*.encoding.${value}.axis.labelExpr`, "replace(format(datum.value, '~r'), '-', '\u2212')"],
    [`layer.*.encoding.${isTopic ? "y" : "x"}.axis.labels`, isTopic && isNarrow()],
  ];
  const wide = layout.cell * COLUMNS;
  const high = layout.height * DATA.topics.length;
  if (isNarrow()) {
    if (isTopic) {
      const padding = { left: layout.left, right: 12, top: 4, bottom: 22 };
      edit.push(["layer.*.encoding.y.axis.labelFontSize", layout.font], ["layer.*.encoding.y.axis.labelLimit", layout.left - 8]);
      return { width: layout.strip - layout.left - 12, height: high, padding, edit };
    }
    return { width: wide, height: 54, padding: { left: layout.left, right: 2, top: 8, bottom: 6 }, edit };
  }
  if (isTopic) return { width: layout.strip - 22, height: high, padding: { left: 8, right: 14, top: layout.top, bottom: 22 }, edit };
  return { width: wide, height: 66, padding: { left: layout.left, right: layout.right, top: 8, bottom: 6 }, edit };
}

/** The same limits in both strips, wide enough for every interval; in the map's power of ten. */
function stripDomain() {
  const part = measured();
  const margins = part?.margins;
  if (!margins) return [-1, 1];
  const ends = ["topic", "format"].flatMap((axis) => ["value", "low", "high"].flatMap((end) => margins[axis][end]));
  const largest = Math.max(0, ...ends.filter((end) => end !== null).map((end) => Math.abs(inUnits(end, part))));
  return largest ? [-1.06 * largest, 1.06 * largest] : [-1, 1];
}

function stripTicks([, high]) {
  // Rounded down, so that the outer labels stay inside.
  const step = 10 ** Math.floor(Math.log10(0.85 * high));
  const tick = Number((Math.floor((0.85 * high) / step) * step).toPrecision(1));
  return [-tick, 0, tick];
}

function stripRows(axis) {
  const part = measured();
  const margin = part?.margins[axis];
  const names = axis === "topic" ? DATA.topics : DATA.formats;
  const [, limit] = stripDomain();
  const rows = names.map(([, name], at) => {
    const [value, low, high] = ["value", "low", "high"].map((end) => inUnits(margin?.[end][at] ?? null, part));
    const inside = [...Array(axis === "topic" ? COLUMNS : DATA.topics.length).keys()].some((other) =>
      isShown(axis === "topic" ? at * COLUMNS + other : other * COLUMNS + at),
    );
    return {
      [axis]: name, at, value, low, high,
      fill: colour(value ?? 0, limit), stroke: theme.faint, opacity: inside ? 1 : 0.25,
    };
  });
  return { rows };
}

// ---- The chosen bins on every map.
function compareMeasure(map) {
  const wanted = state.measure === "robust_z" ? "robust_z" : "z";
  return map.measures[wanted] || map.measures.z || map.measures.gap || null;
}

function compareRows() {
  const rows = [];
  for (const map of DATA.maps) {
    const part = compareMeasure(map);
    const bins = [...state.chosen].sort((a, b) => a.place - b.place);
    for (const { index, place } of part ? bins : []) {
      if (part.value[index] === null) continue;
      const end = Math.max(part.value[index], part.high[index] ?? part.value[index]);
      rows.push({
        map: map.short || map.title, letter: LETTERS[place], value: part.value[index], low: part.low[index], high: part.high[index],
        end, stroke: theme.series[place], shape: SHAPES[place],
      });
    }
  }
  return { rows };
}

function compareDomain() {
  const rows = compareRows().rows.flatMap(({ value, low, high }) => [value, low, high]);
  const known = [0, ...rows.filter((value) => value !== null)];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = 0.05 * (high - low || 2);
  return [low - room, high + room];
}

function compareShape() {
  const inner = byId("compare-chart").clientWidth;
  const left = Math.min(172, inner * 0.46);
  const maps = DATA.maps.filter((map) => compareMeasure(map)).length;
  const step = 20 + 11 * Math.max(1, state.chosen.length);
  const title = state.measure === "robust_z" ? "robust z (contrasts: difference of z)" : "z (contrasts: difference of z)";
  const edit = [
    ["layer.*.encoding.y.axis.labelLimit", left - 8],
    ["layer.*.encoding.y.axis.labelFontSize", 12],
    ["layer.*.encoding.y.scale", { domain: DATA.maps.filter((map) => compareMeasure(map)).map((map) => map.short || map.title) }],
    ["layer.*.encoding.x.title", title],
    ["layer.*.encoding.x.scale", { domain: compareDomain(), nice: false }],
  ];
  return { width: Math.max(60, inner - left - 24), height: maps * step, padding: { left, right: 24, top: 4, bottom: 40 }, edit };
}

// ---- Two maps.
function pairMeasure(map) {
  return map.measures[state.measure === "robust_z" ? "robust_z" : "z"] || map.measures.z || map.measures.gap || null;
}

function pairLabel(map) {
  const robust = state.measure === "robust_z" && map.measures.robust_z;
  return `${map.title} (${map.kind === "contrast" ? "difference of z" : robust ? "robust z" : "z"})`;
}

function pairDomain(map) {
  const known = (pairMeasure(map)?.value || []).filter((value) => value !== null);
  const ends = state.chosen.flatMap(({ index }) => [pairMeasure(map)?.low[index], pairMeasure(map)?.high[index]]);
  const all = [0, ...known, ...ends.filter((end) => end !== null && end !== undefined)];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = 0.06 * (high - low || 1);
  return [low - room, high + room];
}

function scatterShape() {
  const inner = byId("scatter-chart").clientWidth;
  const [across, up] = [MAPS.get(state.across), MAPS.get(state.up)];
  const side = Math.max(120, Math.min(440, inner - 62));
  const edit = [
    ["layer.*.encoding.x.scale.domain", pairDomain(across)],
    ["layer.*.encoding.y.scale.domain", pairDomain(up)],
    ["layer.0.encoding.x.title", pairLabel(across)],
    ["layer.*.encoding.x.axis.labelOverlap", true],
    ["layer.0.encoding.y.title", pairLabel(up)],
    ["layer.*.encoding.x.axis.grid", true],
    ["layer.*.encoding.y.axis.grid", true],
  ];
  return { width: side, height: Math.min(side, 360), padding: { left: 52, right: 10, top: 8, bottom: 44 }, edit };
}

function scatterRows() {
  const [across, up] = [pairMeasure(MAPS.get(state.across)), pairMeasure(MAPS.get(state.up))];
  const points = [];
  if (!across || !up) return { points, chosen: [] };
  for (let bin = 0; bin < BINS; bin += 1) {
    const [x, y] = [across.value[bin], up.value[bin]];
    if (x === null || y === null) continue;
    points.push({ index: bin, x, y, fill: theme.faint, opacity: isShown(bin) ? 0.6 : 0.1 });
  }
  const chosen = state.chosen
    .filter(({ index }) => across.value[index] !== null && up.value[index] !== null)
    .map(({ index, place }) => ({
      index, x: across.value[index], y: up.value[index], xlow: across.low[index], xhigh: across.high[index],
      ylow: up.low[index], yhigh: up.high[index], stroke: theme.series[place], shape: SHAPES[place], letter: LETTERS[place],
    }));
  return { points, chosen };
}
