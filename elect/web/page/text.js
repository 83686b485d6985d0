"use strict";

// Elements from values. Text is only ever set as text: names and metadata come from other nodes.

const isShown = each => each !== null && each !== false;

const h = (tag, attributes, ...children) => ({ tag, attributes, children: children.flat().filter(isShown) });

// Make the content of an element what the values say; what is already so stays as it is.
function show(parent, ...values) {
  const wanted = values.flat().filter(isShown);
  wanted.forEach((value, index) => {
    const present = parent.childNodes[index];
    const isElement = value instanceof Object;
    if (isElement && present?.localName === value.tag) dress(present, value);
    else if (!isElement && present?.nodeType === Node.TEXT_NODE) {
      if (present.data !== String(value)) present.data = String(value);
    } else {
      const made = isElement ? dress(document.createElement(value.tag), value) : document.createTextNode(value);
      if (present) present.replaceWith(made);
      else parent.append(made);
    }
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
}

function dress(element, value) {
  const { style = {}, onclick = null, ...attributes } = value.attributes;
  for (const { name } of [...element.attributes]) {
    if (name !== "style" && !(name in attributes)) element.removeAttribute(name);
  }
  for (const [name, text] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== String(text)) element.setAttribute(name, text);
  }
  for (const [name, text] of Object.entries(style)) element.style.setProperty(name, text);
  element.onclick = onclick;
  show(element, value.children);
  return element;
}

const byId = id => document.getElementById(id);
const count = number => number.toLocaleString("en");
const plural = (number, name) => `${count(number)} ${name}${number === 1 ? "" : "s"}`;
const words = code => code.replaceAll("_", " ");
const quiet = (...children) => h("span", { class: "quiet" }, ...children);

// Signs have a shape as well as a colour, and stand beside a word.
const SIGNS = { here: "●", other: "○", none: "▲", candidate: "◆", good: "✓", bad: "✕", wait: "◷", idle: "–" };
const sign = kind => h("span", { class: `sign ${kind}`, "aria-hidden": "true" }, SIGNS[kind]);

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const s = Math.max(0, seconds);
  if (s === 0) return "0 s";
  if (s < 0.001) return `${(s * 1e6).toFixed(0)} µs`;
  if (s < 1) return `${(s * 1e3).toFixed(s < 0.01 ? 1 : 0)} ms`;
  if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  const first = UNITS.findIndex(([size]) => s >= size);
  const [[large, largeName], [small, smallName]] = [UNITS[first], UNITS[first + 1]];
  const rest = Math.floor((s % large) / small);
  return `${Math.floor(s / large)} ${largeName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

// These run on between two reports; `tick` sets their text. All times are those of the node's clock.
const since = at => h("time", { "data-since": at }, "");
const ago = at => h("time", { "data-ago": at }, "");
const until = at => (at === null ? h("span", {}, "no end") : h("span", { "data-until": at }, ""));

function bar(at, whole, label) {
  const attributes = { class: "bar", role: "img", "aria-label": label, "data-fill": at, "data-whole": whole };
  return at === null ? null : h("span", attributes, h("i", {}));
}
