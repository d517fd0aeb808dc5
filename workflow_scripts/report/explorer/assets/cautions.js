// What must be known before a map is read: the study's cautions, where they concern something.

// Above the map; all of them stand at the end of the page.
const MOST_CAUTIONS = 5;

/** Cautions as entries of a list, those that can change what a map means marked. */
function cautionItems(cautions) {
  return cautions.map(({ severity, text }) => make("li", { class: severity === "warning" ? "warning" : null }, text));
}

/** Those about a map; beyond a few, how many more stand below. */
function drawMapCautions(map) {
  const all = map.cautions.map((place) => DATA.cautions[place]);
  const items = cautionItems(all.slice(0, MOST_CAUTIONS));
  const more = all.length - items.length;
  if (more > 0) items.push(make("li", {}, `${more} more under \u201cAbout this study\u201d`));
  byId("map-cautions").replaceChildren(...items);
}

/** Those about a bin, its topic or its format. */
function drawBinCautions(bin) {
  const about = bin === null ? [] : DATA.cautions.filter((one) => isAbout(one, bin));
  byId("bin-cautions").replaceChildren(...cautionItems(about));
}

function isAbout({ concerns }, bin) {
  const labels = [["topic", DATA.topics[Math.floor(bin / COLUMNS)][0]], ["format", DATA.formats[bin % COLUMNS][0]]];
  const named = labels.filter(([axis]) => concerns[axis]);
  return named.length > 0 && named.every(([axis, label]) => concerns[axis] === label);
}

function drawAllCautions() {
  byId("all-cautions").hidden = !DATA.cautions.length;
  byId("all-cautions").querySelector("ul").replaceChildren(...cautionItems(DATA.cautions));
}
