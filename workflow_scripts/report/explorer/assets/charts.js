// Theme, colours and the life of a chart: embedded when its form changes, fed when its rows do.

const media = window.matchMedia("(prefers-color-scheme: dark)");
let palette = DATA.palettes.light;
let theme = {};

/** Take the theme from the reader's choice, or from the system. */
function applyTheme() {
  const choice = document.querySelector("input[name=theme]:checked").value;
  const dark = choice === "auto" ? media.matches : choice === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  palette = DATA.palettes[dark ? "dark" : "light"];
  const style = getComputedStyle(document.documentElement);
  const names = ["ground", "card", "ink", "faint", "line", "soft", "accent"];
  theme = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  theme.name = dark ? "dark" : "light";
  // Okabe and Ito's colours, lighter on the dark ground; the letter says the same.
  theme.series = dark
    ? ["#56b4e9", "#f0b442", "#3fc79a", "#e59cc4", "#f08a4b"]
    : ["#0072b2", "#a86500", "#00795a", "#a8447f", "#b84a00"];
}

/** Colour of a value between -limit and limit; hatched where there is none. */
function colour(value, limit) {
  if (value === null || value === undefined) return "url(#hatch)";
  const share = Math.min(1, Math.max(0, 0.5 + value / (2 * limit)));
  return palette[Math.round(share * (palette.length - 1))];
}

/** Dark or light ink, whichever is read better on a fill. */
function inkOn(fill) {
  if (!fill.startsWith("#")) return theme.ink;
  const parts = [1, 3, 5].map((at) => parseInt(fill.slice(at, at + 2), 16) / 255);
  const linear = parts.map((part) => (part <= 0.04 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return light > 0.22 ? "#14171b" : "#ffffff";
}

function chartConfig() {
  const font = getComputedStyle(document.body).fontFamily;
  return {
    background: null,
    font,
    view: { stroke: null },
    axis: {
      labelColor: theme.ink, titleColor: theme.faint, titleFontWeight: "normal", titleFontSize: 12,
      labelFontSize: 11, domain: false, ticks: false, grid: false, gridColor: theme.line, labelLimit: 170,
      labelPadding: 5,
    },
    rule: { color: theme.ink },
    text: { color: theme.ink, fill: theme.ink },
    aria: false,
  };
}

class Chart {
  /** `shape()` gives width, height, padding and how the specification changes; `rows()` its data. */
  constructor(name, shape, rows, ready = () => {}) {
    Object.assign(this, { name, shape, rows, ready, key: "", view: null, last: Promise.resolve() });
    this.element = byId(`${name}-chart`);
  }

  /** One drawing after the other, so that a slow one never overwrites a later one. */
  draw() {
    this.last = this.last.then(() => this.render()).catch((error) => console.error(this.name, error));
    return this.last;
  }

  async render() {
    const shape = this.shape();
    const rows = this.rows();
    const key = JSON.stringify([theme.name, shape]);
    if (this.view && key === this.key) {
      for (const [name, values] of Object.entries(rows)) this.view.data(name, values);
      await this.view.runAsync();
      return;
    }
    const spec = structuredClone(DATA.charts[this.name]);
    const { width, height, padding, edit } = { edit: [], ...shape };
    Object.assign(spec, { width, height, padding, autosize: { type: "none" }, config: chartConfig() });
    for (const [path, value] of edit) set(spec, path, value);
    spec.datasets = { ...spec.datasets, ...rows };
    const holder = document.createElement("div");
    const result = await vegaEmbed(holder, spec, { renderer: "svg", actions: false, tooltip: false });
    this.view?.finalize();
    this.element.replaceChildren(holder);
    this.view = result.view;
    this.key = key;
    this.ready(this);
  }
}

/** Set a value deep inside a specification: "layer.*.encoding.x.axis.labels". */
function set(target, path, value) {
  const [first, ...rest] = path.split(".");
  if (first === "*") {
    for (const each of Object.values(target)) set(each, rest.join("."), value);
  } else if (!rest.length) {
    target[first] = value;
  } else if (target[first] !== undefined) {
    set(target[first], rest.join("."), value);
  } else if (!["x", "y"].includes(first)) {
    // A layer without the channel stays without it.
    target[first] = {};
    set(target[first], rest.join("."), value);
  }
}
