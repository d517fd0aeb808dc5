// Every bin in a table: the map for those who do not see it, or who look for one number.

const ROWS_A_PAGE = 15;
const table = { sort: "value", down: true, page: 0, filter: "all" };

/** Columns of the table: key, words, whether they are text or left out on a phone, value, cell. */
function tableColumns() {
  const part = measured();
  const columns = [
    { key: "topic", words: "Topic", text: true, value: topicOf },
    { key: "format", words: "Format", text: true, value: formatOf },
    { key: "value", words: shortName(), value: (bin) => valueOf(bin), cell: valueCell },
    { key: "low", words: `${percent(DATA.confidence)} interval`, wide: true, value: (bin) => part?.low[bin] ?? null, cell: (bin) => intervalOf(part?.low[bin] ?? null, part?.high[bin] ?? null) },
    { key: "rank", words: "Rank", wide: true, value: (bin) => current().columns.rank?.[bin] ?? null, cell: (bin) => count(current().columns.rank?.[bin]) },
    { key: "q", words: "q", value: (bin) => current().q[bin], cell: qCell },
    { key: "n", words: "n", wide: true, value: (bin) => column("n_docs", bin), cell: (bin) => count(column("n_docs", bin)) },
    { key: "marks", words: "Marks", text: true, wide: true, value: (bin) => tableMarks(bin), cell: tableMarks },
  ];
  // A column that no bin of the map could fill is left out.
  const absent = [part && hasIntervals(part) ? "" : "low", isTested() ? "" : "q", column("n_docs", 0) === null ? "n" : ""];
  return columns.filter(({ key }) => !absent.includes(key));
}

/** q, with the map's dot where the bin stands out. */
function qCell(bin) {
  const words = probability(current().q[bin]);
  if (!isUnusual(bin)) return words;
  const cell = document.createDocumentFragment();
  cell.append(make("span", { class: "unseen" }, "stands out "), make("span", { "aria-hidden": "true" }, "\u25cf "), words);
  return cell;
}

function tableMarks(bin) {
  const words = [isThin(bin) ? "few documents" : null, isAlike(bin) ? "alike" : null];
  if (state.truth && plantedIn(bin)) words.push(plantedWords(bin).replace(", dose", ""));
  return words.filter(Boolean).join(", ");
}

function valueCell(bin) {
  const part = measured();
  const value = valueOf(bin);
  if (value === null) return DATA.empty;
  const swatch = make("span", { class: "swatch", "aria-hidden": "true", style: `background: ${colour(value, part.limit)}` });
  const cell = document.createDocumentFragment();
  cell.append(swatch, numberOf(value));
  return cell;
}

function tableBins() {
  const chosen = new Set(state.chosen.map(({ index }) => index));
  const kept = {
    all: () => true,
    unusual: (bin) => isUnusual(bin),
    chosen: (bin) => chosen.has(bin),
    flagged: (bin) => isThin(bin) || isAlike(bin),
  }[table.filter];
  const columns = tableColumns();
  const { value } = columns.find(({ key }) => key === table.sort) || columns[2];
  const found = [...Array(BINS).keys()].filter((bin) => isShown(bin) && kept(bin));
  // Bins without a number come last, whichever way the table is sorted.
  const missing = (bin) => value(bin) === null || value(bin) === "";
  const order = (a, b) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b) || a - b;
    const [x, y] = [value(a), value(b)];
    return (x < y ? -1 : x > y ? 1 : 0) * (table.down ? -1 : 1) || a - b;
  };
  return found.sort(order);
}

function drawTable() {
  const columns = tableColumns();
  const bins = tableBins();
  const pages = Math.max(1, Math.ceil(bins.length / ROWS_A_PAGE));
  table.page = Math.min(table.page, pages - 1);
  const from = table.page * ROWS_A_PAGE;
  const shown = bins.slice(from, from + ROWS_A_PAGE);
  byId("bins-caption").textContent = `${current().title}: ${MEASURES.get(state.measure)?.label ?? "no numbers"}. Tick a bin to choose it.`;
  byId("table-count").textContent = bins.length ? `${from + 1} to ${from + shown.length} of ${counted(bins.length, "bin")}` : "no bin";
  byId("page-back").disabled = table.page === 0;
  byId("page-next").disabled = table.page >= pages - 1;
  const holder = byId("bins");
  const focused = document.activeElement?.dataset?.sort;
  holder.tHead.replaceChildren(make("tr", {}, ...columns.map(headCell)));
  if (focused) holder.querySelector(`[data-sort="${focused}"]`)?.focus();
  const body = shown.length
    ? shown.map((bin) => bodyRow(bin, columns))
    : [make("tr", {}, make("td", { class: "none", colspan: columns.length }, "No bin is left: change the search or the filter."))];
  holder.tBodies[0].replaceChildren(...body);
}

function cellClass({ text, wide }) {
  return [text ? "text" : "", wide ? "wide" : ""].join(" ").trim() || null;
}

function headCell(each) {
  const active = each.key === table.sort;
  const arrow = active ? (table.down ? " \u25be" : " \u25b4") : "";
  const button = make("button", { type: "button", "data-sort": each.key }, `${each.words}${arrow}`);
  button.addEventListener("click", () => {
    table.down = active ? !table.down : !each.text && !["rank", "q"].includes(each.key);
    Object.assign(table, { sort: each.key, page: 0 });
    drawTable();
  });
  const sorted = active ? (table.down ? "descending" : "ascending") : null;
  return make("th", { scope: "col", class: cellClass(each), "aria-sort": sorted }, button);
}

function bodyRow(bin, columns) {
  const chosen = state.chosen.some(({ index }) => index === bin);
  const box = make("input", { type: "checkbox", "aria-label": `Choose ${nameOf(bin)}`, "data-bin": bin });
  box.checked = chosen;
  box.addEventListener("change", () => {
    choose(bin, true);
    document.querySelector(`#bins input[data-bin="${bin}"]`)?.focus();
  });
  const cells = columns.map((each) => {
    if (each.key === "topic") return make("th", { scope: "row", class: "text" }, make("label", {}, box, topicOf(bin)));
    return make("td", { class: cellClass(each) }, (each.cell || each.value)(bin));
  });
  return make("tr", { class: chosen ? "chosen" : null }, ...cells);
}
