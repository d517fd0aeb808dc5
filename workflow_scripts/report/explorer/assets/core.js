// Data, state and the words for numbers. Everything else asks this file.

const DATA = JSON.parse(document.getElementById("atlas-data").textContent);
const COLUMNS = DATA.formats.length;
const BINS = DATA.topics.length * COLUMNS;
const MAPS = new Map(DATA.maps.map((map) => [map.key, map]));
const MEASURES = new Map(DATA.measures.map((measure) => [measure.key, measure]));
const LETTERS = ["A", "B", "C", "D", "E"];
const SHAPES = ["circle", "square", "diamond", "triangle-up", "cross"];
const MARKS = {
  thin: `few documents (${DATA.bins.underfilled ? "fewer than asked for" : "under half of the median bin"})`,
  alike: "near-duplicates or one site",
};
const NONE = "n/a";

const byId = (id) => document.getElementById(id);
const nameOf = (bin) => `${topicOf(bin)} \u00d7 ${formatOf(bin)}`;
const topicOf = (bin) => DATA.topics[Math.floor(bin / COLUMNS)][1];
const formatOf = (bin) => DATA.formats[bin % COLUMNS][1];

/** An element with its attributes and children; strings become text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") element.style.cssText = value;
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// ---- What the reader chose; kept in the address after #, so that a view can be shared.
const state = {
  map: DATA.maps[0].key,
  measure: null,
  wanted: null,
  across: DATA.maps[0].key,
  up: (DATA.maps[1] || DATA.maps[0]).key,
  search: "",
  mask: false,
  truth: false,
  several: false,
  chosen: [],
  cursor: null,
};
const listeners = [];

/** Change the state and let every part of the page follow. */
function change(changes) {
  Object.assign(state, changes);
  const measures = MAPS.get(state.map).measures;
  // A map that lacks the measure shows its own; the next one that has it shows it again.
  if (changes.measure) state.wanted = changes.measure;
  state.measure = measures[state.wanted] ? state.wanted : Object.keys(measures)[0] || null;
  remember();
  for (const listener of listeners) listener();
}

function remember() {
  const kept = { map: state.map, measure: state.wanted || state.measure, across: state.across, up: state.up };
  if (state.chosen.length) kept.bins = state.chosen.map((bin) => bin.index).join(".");
  if (state.search.trim()) kept.search = state.search.trim();
  for (const name of ["mask", "truth"]) if (state[name]) kept[name] = "1";
  try {
    history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
  } catch {
    // A page inside another one may not have an address of its own.
  }
}

/** The state that the address names; what it does not know is left out. */
function recalled() {
  const kept = new URLSearchParams(location.hash.slice(1));
  const found = {};
  for (const name of ["map", "across", "up"]) if (MAPS.has(kept.get(name))) found[name] = kept.get(name);
  if (MEASURES.has(kept.get("measure"))) found.measure = kept.get("measure");
  if (kept.get("search")) found.search = kept.get("search");
  for (const name of ["mask", "truth"]) if (kept.get(name)) found[name] = true;
  const bins = (kept.get("bins") || "").split(".").filter(Boolean).map(Number);
  const valid = bins.filter((bin) => Number.isInteger(bin) && bin >= 0 && bin < BINS);
  if (valid.length) found.chosen = lettered(valid.slice(0, LETTERS.length));
  return found;
}

function lettered(bins) {
  return bins.map((index, place) => ({ index, place }));
}

/** Choose a bin, or let it go; with `add` beside those chosen before. */
function choose(index, add = state.several) {
  const there = state.chosen.some((bin) => bin.index === index);
  const others = state.chosen.filter((bin) => bin.index !== index);
  if (there && (add || !others.length)) return change({ chosen: others });
  if (!add) return change({ chosen: lettered([index]) });
  const free = [...LETTERS.keys()].find((place) => !others.some((bin) => bin.place === place));
  // All letters taken: the oldest gives its own.
  const kept = free === undefined ? others.slice(1) : others;
  const place = free === undefined ? others[0].place : free;
  return change({ chosen: [...kept, { index, place }] });
}

// ---- The numbers of a bin.
const current = () => MAPS.get(state.map);
const measured = (map = current(), key = state.measure) => map.measures[key] || null;
const valueOf = (bin, part = measured()) => (part ? part.value[bin] : null);
// By the rule of the figures.
const isUnusual = (bin, map = current()) => map.found[bin] === 1;
const isTested = (map = current()) => map.found.some((one) => one !== null);
/** Whether any bin of a map has an interval: those of a matrix have none. */
const hasIntervals = (part) => part.low.some((end) => end !== null);
/** Few documents; a bin without any is hatched and carries no mark beside. */
const isThin = (bin) => column("n_docs", bin) !== 0 && (flagged("underfilled", bin) || thinByCount(bin));
const isAlike = (bin) =>
  column("dominated", bin) === 1 || (DATA.bins.near_duplicate_share?.[bin] ?? 0) >= DATA.alike;
const flagged = (name, bin) => DATA.bins[name]?.[bin] === 1;

/** A column of the current map, or of the first benchmark where a contrast lacks it. */
function column(name, bin) {
  const holder = current().columns[name] ? current() : DATA.maps.find((map) => map.columns[name]);
  return holder ? holder.columns[name][bin] : null;
}

/** Without a corpus to ask, thin is less than half of the median bin. */
function thinByCount(bin) {
  if (DATA.bins.underfilled) return false;
  const count = column("n_docs", bin);
  return count !== null && count > 0 && count < medianCount() / 2;
}

let middle = null;
function medianCount() {
  if (middle === null) {
    const all = [...Array(BINS).keys()].map((bin) => column("n_docs", bin)).filter((count) => count > 0);
    middle = all.sort((a, b) => a - b)[Math.floor(all.length / 2)] || 0;
  }
  return middle;
}

function plantedIn(bin, map = current()) {
  const found = map.truth?.[bin];
  return found ? { role: found[0], dose: found[1] } : null;
}

/** Words of letters and digits; the signs between the parts of a bin's name are none. */
function wordsOf(text) {
  return text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word && word !== "x");
}

/** Whether every word of the search is in the bin's topic or format. */
function matches(bin) {
  const text = `${topicOf(bin)} ${formatOf(bin)} ${DATA.topics[Math.floor(bin / COLUMNS)][0]} ${DATA.formats[bin % COLUMNS][0]}`;
  const there = wordsOf(text).join(" ");
  return wordsOf(state.search).every((word) => there.includes(word));
}

/** Whether a bin is drawn at full strength. */
const isShown = (bin) => matches(bin) && (!state.mask || isUnusual(bin));

// ---- Words.
const minus = (text) => text.replace("-", "\u2212");

function number(value, digits = 2) {
  if (value === null || value === undefined) return NONE;
  const text = value.toFixed(digits);
  return minus(Number(text) === 0 ? text.replace("-", "") : text);
}

/** A number of a map in the map's power of ten and decimals. */
function numberOf(value, part = measured()) {
  return number(inUnits(value, part), part?.digits);
}

const inUnits = (value, part) => (value === null || value === undefined || !part?.power ? value : value / 10 ** part.power);

/** The power of ten as it is written: nothing for one. */
function unitOf(part) {
  const raised = (text) => [...text].map((sign) => "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[sign] || "\u207b").join("");
  return part?.power ? `10${raised(String(part.power))}` : "";
}

const unitWords = (part) => (unitOf(part) ? ` in ${unitOf(part)}` : "");

/** A measure's short name with its unit. */
function shortName(part = measured(), key = state.measure) {
  return `${MEASURES.get(key)?.short ?? "Value"}${unitOf(part) ? ` (${unitOf(part)})` : ""}`;
}

function probability(value) {
  if (value === null || value === undefined) return NONE;
  return value < 0.001 ? minus(value.toExponential(1)) : String(Number(value.toPrecision(2)));
}

const count = (value) => (value === null || value === undefined ? NONE : value.toLocaleString("en-US"));
const percent = (value, digits = 0) =>
  value === null || value === undefined ? NONE : `${(100 * value).toFixed(digits)}%`;

function counted(amount, word) {
  return `${count(amount)} ${word}${amount === 1 ? "" : "s"}`;
}

function intervalOf(low, high, part = measured()) {
  if (low === null || high === null) return NONE;
  return `${numberOf(low, part)} to ${numberOf(high, part)}`;
}

function markWords(bin) {
  const found = [isThin(bin) ? MARKS.thin : null, isAlike(bin) ? MARKS.alike : null];
  return found.filter(Boolean);
}

function plantedWords(bin, map = current()) {
  const found = plantedIn(bin, map);
  if (!found) return "neutral";
  return found.dose ? `${found.role}, dose ${percent(found.dose)}` : found.role;
}
