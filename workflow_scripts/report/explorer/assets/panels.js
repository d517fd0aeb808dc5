// Controls, legends, the bin card, the tip at the pointer.

function option(value, text) {
  return make("option", { value }, text);
}

/** Fill a selection with the maps, contrasts in a group of their own. */
function fillMaps(select) {
  for (const [kind, label] of [["benchmark", "Benchmarks"], ["contrast", "Contrasts"]]) {
    const maps = DATA.maps.filter((map) => map.kind === kind);
    if (maps.length) select.append(make("optgroup", { label }, ...maps.map((map) => option(map.key, map.title))));
  }
}

function drawControls() {
  byId("map-choice").value = state.map;
  const keys = Object.keys(current().measures);
  byId("measure-choice").replaceChildren(
    ...DATA.measures.filter(({ key }) => keys.includes(key)).map(({ key, label }) => option(key, label)),
  );
  byId("measure-choice").value = state.measure;
  byId("scatter-x").value = state.across;
  byId("scatter-y").value = state.up;
  if (byId("search").value !== state.search) byId("search").value = state.search;
  byId("search-note").textContent = searchWords();
  const canMask = isTested();
  byId("mask").checked = state.mask;
  byId("mask").disabled = !canMask;
  byId("mask-label").textContent = canMask
    ? `Only bins that stand out (q < ${DATA.significant})`
    : "Only bins that stand out (not tested here)";
  byId("table-filter").querySelector("[value=unusual]").disabled = !canMask;
  byId("truth").checked = state.truth;
  byId("truth-field").hidden = !current().truth;
  byId("several").checked = state.several;
}

/** How much the search finds; nothing where nothing is looked for. */
function searchWords() {
  if (!wordsOf(state.search).length) return "";
  const found = [...Array(BINS).keys()].filter(matches).length;
  return found ? `${counted(found, "bin")} found` : "nothing found: no topic and format have all of these words";
}

// ---- Words above and below the map.
function mapFacts(map) {
  const words = [];
  if (map.questions) {
    words.push(`${counted(map.questions, "question")}; the base model answers ${percent(map.accuracy)} correctly (chance ${percent(map.chance)}).`);
  }
  if (map.kind === "contrast") words.push(`First side: ${map.sides[1]}; second: ${map.sides[0]}.`, MEASURES.get("gap").about);
  if (map.confounded) words.push("The benchmarks compared answer in different forms (letters against texts), which alone can move a map.");
  const all = [...Array(BINS).keys()];
  const unusual = all.filter((bin) => isUnusual(bin, map));
  const known = all.filter((bin) => map.found[bin] !== null).length;
  if (known) {
    const part = map.measures.robust_z || map.measures.gap || Object.values(map.measures)[0];
    const above = unusual.filter((bin) => part.value[bin] > 0).length;
    words.push(`${unusual.length} of ${known} bins stand out at q < ${DATA.significant} (false discovery rate): ${above} above, ${unusual.length - above} below.`);
  } else {
    words.push("No bin of this map was tested.");
  }
  return words.join(" ");
}

function drawMapWords() {
  const map = current();
  const part = measured();
  byId("map-title").textContent = map.title;
  byId("map-facts").textContent = mapFacts(map);
  byId("map-chart").setAttribute("aria-label", `Map of ${map.title}: ${DATA.topics.length} topics by ${COLUMNS} formats`);
  const about = MEASURES.get(state.measure)?.about || "This map has no numbers.";
  const beyond = part?.beyond ? ` ${counted(part.beyond, "bin")} beyond the last colour.` : "";
  const folded = DATA.folded ? ` ${DATA.folded}` : "";
  byId("map-note").textContent = `${about}${beyond}${folded}`;
  drawMapCautions(map);
  byId("strip-note").textContent = `means${unitWords(part)}${drawWords(part)}`;
}

/** What the intervals of the bars take as draws; a matrix knows no documents and questions. */
function drawWords(part) {
  const known = part && ["topic", "format"].some((axis) => part.margins[axis].low.some((end) => end !== null));
  return known ? `, with ${percent(DATA.confidence)} intervals (${part.margins.draws} as draws)` : " over bins";
}

function drawColourLegend() {
  const part = measured();
  const ends = part ? [-part.limit, 0, part.limit] : [null, null, null];
  const words = current().sides || ["opposes", "supports"];
  byId("colour-legend").replaceChildren(
    make("div", { class: "words" }, make("span", {}, `\u25c2 ${words[0]}`), make("span", {}, unitOf(part)), make("span", {}, `${words[1]} \u25b8`)),
    make("div", { class: "ramp", style: `background: linear-gradient(to right, ${palette.join(",")})` }),
    make("div", { class: "ends" }, ...ends.map((end) => make("span", {}, numberOf(end)))),
  );
}

function symbol(inner, fill) {
  const holder = make("span", { style: "display: contents" });
  // The one place that writes markup: constants of this file.
  holder.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><rect x="0.5" y="0.5" width="15" height="15" rx="2" fill="${fill}" stroke="var(--line)"/>${inner}</svg>`;
  return holder;
}

function drawMarkLegend() {
  const all = [...Array(BINS).keys()];
  const stroke = 'fill="none" stroke="currentColor"';
  const items = [];
  const add = (wanted, inner, words, fill = "none") =>
    wanted && items.push(make("li", { style: `color: ${theme.ink}` }, symbol(inner, fill), make("span", { class: "small" }, words)));
  add(all.some((bin) => isUnusual(bin)), '<circle cx="8" cy="8" r="2.6" fill="currentColor"/>', `stands out (q < ${DATA.significant}, false discovery rate)`);
  add(all.some(isThin), `<path d="M3 8.5h6l-3 4z" ${stroke} stroke-width="1.3"/>`, MARKS.thin);
  add(all.some(isAlike), `<path d="M7 9h6M7 12h6" ${stroke} stroke-width="1.5"/>`, MARKS.alike);
  add(all.some((bin) => valueOf(bin) === null), "", DATA.empty, "url(#hatch)");
  if (state.truth && current().truth) {
    for (const [role, shape] of Object.entries(ROLES)) {
      const words = role === "decoy" ? "planted decoy (style alone)" : `planted ${role} (thicker: larger dose)`;
      add(true, `<path d="${shape}" ${stroke} stroke-width="0.28" transform="translate(8 8) scale(5.2)"/>`, words);
    }
  }
  byId("mark-legend").replaceChildren(...items);
}

// ---- Numbers of a bin, in the card and in the tip.
function mainRows(bin) {
  const map = current();
  const part = measured();
  if (!part || part.value[bin] === null) return [["", `${DATA.empty}: no evidence`]];
  const rows = [[shortName(), numberOf(part.value[bin])]];
  if (hasIntervals(part)) rows.push([`${percent(DATA.confidence)} interval`, intervalOf(part.low[bin], part.high[bin])]);
  rows.push(["Rank", rankWords(bin)]);
  if (isTested(map)) rows.push(["q (false discovery rate)", `${probability(map.q[bin])}${isUnusual(bin) ? ", stands out" : ""}`]);
  const documents = column("n_docs", bin);
  if (documents !== null) rows.push(["Documents (n)", count(documents)]);
  return rows;
}

function rankWords(bin) {
  const ranks = current().columns.rank || [];
  const known = ranks.filter((rank) => rank !== null).length;
  return ranks[bin] === null || ranks[bin] === undefined ? NONE : `${ranks[bin]} of ${known}`;
}

function moreRows(bin) {
  const known = DATA.bins;
  const map = current();
  const rows = [];
  const add = (label, value, words) => value !== null && value !== undefined && rows.push([label, words(value)]);
  add(map.kind === "contrast" ? "p (family-wise; makes no dot)" : "p (within the spread)", map.p[bin], probability);
  add("p (family-wise)", map.columns.p_max?.[bin], probability);
  if (map.columns.influence && state.measure !== "influence") {
    const own = map.measures.influence;
    add(shortName(own, "influence"), own?.value[bin], (value) => numberOf(value, own));
    if (own?.low[bin] != null) rows.push(["Its interval", intervalOf(own.low[bin], own.high[bin], own)]);
  }
  add("Coherence of gradients", map.columns.coherence?.[bin], (value) => number(value, 2));
  add("Sites", column("n_sites", bin), count);
  add("Effective documents", column("n_effective", bin), (value) => number(value, 1));
  add("Tokens", known.n_tokens?.[bin], count);
  add("Available in the corpus", known.n_available?.[bin], count);
  add("Share of the corpus's documents", known.weight?.[bin], (value) => percent(value, 2));
  add("Near-duplicates", known.near_duplicate_share?.[bin], percent);
  add("Largest site", known.largest_site_share?.[bin], percent);
  add("Cut at max_tokens", known.share_truncated?.[bin], percent);
  if (map.truth) rows.push(["Planted as", plantedWords(bin)]);
  return rows;
}

function rowsOf(pairs) {
  return pairs.map(([label, words]) => make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, words)));
}

/** The bin that the card tells of: the one chosen last. */
function cardBin() {
  return state.chosen.length ? state.chosen[state.chosen.length - 1].index : null;
}

function badge(place) {
  const fill = theme.series[place];
  return make("b", { style: `background: ${fill}; color: ${inkOn(fill)}` }, LETTERS[place]);
}

function drawCard() {
  const bin = cardBin();
  const rows = bin === null ? [] : rowsOf([...mainRows(bin), ...moreRows(bin)]);
  rows[0]?.classList.add("first");
  const last = state.chosen[state.chosen.length - 1];
  byId("bin-title").replaceChildren(...(last ? [badge(last.place), nameOf(bin)] : ["Choose a bin"]));
  byId("bin-numbers").tBodies[0].replaceChildren(...rows);
  const words = bin === null ? ["Click a cell of the map, or a row of the table."] : markWords(bin);
  byId("bin-flags").textContent = words.length ? words.join("; ").replace(/^./, (first) => first.toUpperCase()) : "";
  byId("bin-flags").hidden = !words.length;
  drawBinCautions(bin);
  const chips = [...state.chosen].sort((a, b) => a.place - b.place).map(({ index, place }) => {
    const chip = make("button", { type: "button", class: "chip", "aria-label": `Remove ${nameOf(index)}` }, badge(place), nameOf(index), make("i", { "aria-hidden": "true" }, "\u00d7"));
    chip.addEventListener("click", () => change({ chosen: state.chosen.filter((other) => other.index !== index) }));
    return chip;
  });
  byId("chips").replaceChildren(...(chips.length > 1 ? chips : []));
  const contrasts = DATA.maps.some((map) => map.kind === "contrast");
  const known = DATA.maps.some((map) => compareMeasure(map)?.low.some((low) => low !== null));
  byId("compare-note").textContent = `${state.measure === "robust_z" ? "Robust z" : "z"} of the chosen bins, ${known ? `with ${percent(DATA.confidence)} intervals` : "without intervals: the study has none"}${contrasts ? "; contrasts are differences of z" : ""}.`;
}

// ---- Two maps in words.
function pairWords(row) {
  const interval = row.ci_low === null ? "" : ` (${number(row.ci_low)} to ${number(row.ci_high)}${row.p_value === null ? "" : `; p ${row.p_value < 0.001 ? "< 0.001" : Number(row.p_value.toPrecision(2))}`})`;
  const without = row.low === null ? "" : `${number(row.low)} to ${number(row.high)} when any one bin is left out`;
  if (DATA.matrix) {
    const words = [`Correlation over bins: Pearson ${number(row.pearson)}${interval}`];
    if (without) words.push(without);
    if (row.spearman !== null) words.push(`Spearman ${number(row.spearman)}`);
    return [...words, `cross-half is not known: ${row.reason}`];
  }
  const ceiling = row.ceiling === null ? "" : `, ${number(row.ceiling)} at most`;
  const words = [
    row.cross_half === null ? `Cross-half is not known: ${row.reason}` : `Cross-half ${number(row.cross_half)}${interval}${ceiling}: each map on its own half of the documents`,
    `Pearson ${number(row.pearson)} of the whole maps drawn here, which score the same documents, so that it holds their shared noise${without && ` (${without})`}`,
  ];
  if (row.spearman !== null) words.push(`Spearman ${number(row.spearman)}`);
  if (row.corrected !== null) words.push(`estimate without noise ${number(row.corrected)}`);
  return words;
}

function drawPairWords() {
  const pair = [state.across, state.up];
  const row = DATA.correlations.find((each) => pair.includes(each.a) && pair.includes(each.b) && each.a !== each.b);
  const known = row && pair[0] !== pair[1] && row.pearson !== null;
  const words = known ? pairWords(row) : ["Each dot is a bin"];
  byId("scatter-note").textContent = `${words.join("; ")}. Click a dot to choose its bin.`;
}

// ---- The tip at the pointer.
function showTip(event, title, pairs, notes = []) {
  const tip = byId("tip");
  tip.replaceChildren(
    make("strong", {}, title),
    make("table", {}, make("tbody", {}, ...rowsOf(pairs))),
    ...notes.map((note) => make("div", { class: "small" }, note)),
  );
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = event.clientX + 18 + width > window.innerWidth ? event.clientX - width - 14 : event.clientX + 18;
  const top = event.clientY + 16 + height > window.innerHeight ? event.clientY - height - 12 : event.clientY + 16;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

function showBinTip(event, bin) {
  const notes = markWords(bin).map((words) => words.replace(/^./, (first) => first.toUpperCase()));
  if (current().truth && state.truth) notes.push(`Planted: ${plantedWords(bin)}`);
  showTip(event, nameOf(bin), mainRows(bin), notes);
}

function hideTip() {
  byId("tip").hidden = true;
}

function drawAbout() {
  byId("study").textContent = DATA.study;
  byId("lead").textContent = DATA.lead;
  byId("facts").replaceChildren(
    ...DATA.facts.flatMap(([label, words]) => [make("dt", {}, label), make("dd", {}, words)]),
  );
  drawAllCautions();
  byId("how").replaceChildren(...DATA.how.map((line) => make("li", {}, line)));
}
