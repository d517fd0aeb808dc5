// What a page must not have; each check returns what it found, in words.

const all = (selector) => [...document.querySelectorAll(selector)];
const said = (element) => element.textContent.trim().slice(0, 40);

/** Pairs of a group that lie on each other. */
function overlaps() {
  const groups = [
    ".card, #controls, header",
    "header h1, header #lead, .theme",
    "#controls .field, #controls .checks label",
    "#map-card > *:not(.unseen)",
    "#formats-chart, #map-frame, #topics-chart, #strip-note",
    "#bin-card > *",
    "#table-card > *",
    "#scatter-card > *",
    "#mark-legend li, #colour-legend",
    "#topics-chart .role-axis-label text",
    "#formats-chart .role-axis-label text",
    "#compare-chart .role-axis-label text, #compare-chart .role-axis-title text",
    "#scatter-chart .role-axis-label text, #scatter-chart .role-axis-title text",
  ];
  // Boxes of slanted labels lie on each other where the labels do not.
  const upright = all("#map-chart .role-axis-label text").filter((text) => !slanted(text));
  const found = [];
  for (const members of [...groups.map(all), upright]) {
    const boxes = members.map((member) => [member, boxOf(member)]);
    const seen = boxes.filter(([, box]) => box.width > 1 && box.height > 1);
    seen.forEach(([a, one], at) => {
      for (const [b, other] of seen.slice(at + 1)) {
        if (!a.contains(b) && hit(one, other)) found.push(`${said(a)} | ${said(b)}`);
      }
    });
  }
  return found;
}

/** An element's box; a text's without the room above and below its letters. */
function boxOf(element) {
  const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
  const room = element.tagName === "text" ? 0.14 * Math.min(width, height) : 0;
  return width > height
    ? { left, right, top: top + room, bottom: bottom - room, width, height }
    : { left: left + room, right: right - room, top, bottom, width, height };
}

function slanted(text) {
  return /rotate\((-45|315)/.test(text.getAttribute("transform") || "");
}

function hit(a, b) {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return across > 1 && down > 1;
}

/** Elements that reach beyond the page's width; what scrolls in a box of its own may. */
function outside() {
  const wide = document.documentElement.clientWidth;
  return all("main *, header *, #controls *")
    .filter((element) => !element.closest(".scroll, .unseen, legend, defs, option"))
    .filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 1 && box.height > 1 && (box.right > wide + 0.5 || box.left < -0.5);
    })
    .map((element) => `${element.tagName} ${said(element)}`);
}

/** Labels of charts of which a part lies outside the drawing. */
function cut() {
  return all(".chart svg").flatMap((drawing) => {
    const frame = drawing.getBoundingClientRect();
    return [...drawing.querySelectorAll(".role-axis-label text, .role-axis-title text")]
      .filter((text) => !slanted(text))
      .map((text) => [text, text.getBoundingClientRect()])
      .filter(([, box]) => box.left < frame.left - 0.5 || box.right > frame.right + 0.5)
      .map(([text]) => said(text));
  });
}

/** Texts whose contrast with what is behind them is under 4.5 : 1. */
function faint() {
  const texts = "h1, h2, h3, p, label, button, th, td, dt, dd, li, select, span, caption, text";
  return all(texts)
    .filter((each) => said(each) && !each.closest("[hidden], .unseen, option, .mark-text") && !each.disabled)
    .map((each) => [each, contrast(each)])
    .filter(([, ratio]) => ratio < 4.5)
    .map(([each, ratio]) => `${each.tagName} ${said(each)} ${ratio.toFixed(2)}`);
}

function contrast(element) {
  const style = getComputedStyle(element);
  const ink = channels(element.tagName === "text" ? style.fill : style.color);
  const [a, b] = [brightness(ink), brightness(ground(element))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function channels(colour) {
  return (colour.match(/[\d.]+/g) || [0, 0, 0]).map(Number);
}

function brightness(colour) {
  const linear = colour
    .slice(0, 3)
    .map((part) => part / 255)
    .map((part) => (part <= 0.04 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

/** The first opaque colour behind an element. */
function ground(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
}

/** Controls without a name. */
function nameless() {
  return all("input, select, button")
    .filter((each) => !each.labels?.length && !said(each) && !each.getAttribute("aria-label"))
    .map((each) => each.outerHTML);
}
