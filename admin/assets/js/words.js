// @ts-check
// What the script says by itself, in the page's language, and the server's clock.

import { parseSvg } from "./fragments.js";

/** @type {Record<string, string>} */
const words = JSON.parse(document.body.dataset.words ?? "{}");

/** The server's clock less ours, in ms; measured again by every ping. */
let offset = Number(document.body.dataset.now) - Date.now();

/** @param {string} key @param {Record<string, string | number>} [values] */
export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

export function serverNow() {
  return Date.now() + offset;
}

/** @param {number} serverMs */
export function setServerNow(serverMs) {
  offset = serverMs - Date.now();
}

/** `3:12`, `1:02:03`. @param {number} ms */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/** `2天3时`, `1时41分`, `41:36`. @param {number} ms */
export function left(ms) {
  const minutes = Math.floor(ms / 60_000);
  const [d, h, m] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (d > 0) return h === 0 ? say("wholeDays", { d }) : say("days", { d, h });
  if (minutes >= 60) return say("hours", { h, m: String(m).padStart(2, "0") });
  return span(ms);
}

/** A moment in the site's time. @param {number} ms */
export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB", { hour12: false, timeZone: document.body.dataset.zone || undefined });
}

/** Signs that the script puts in must also show when the server cannot be reached. */
let iconsAt = "/assets/icons.svg";
fetch(iconsAt)
  .then((answer) => answer.text())
  .then((text) => {
    const svg = parseSvg(text);
    svg.setAttribute("hidden", "");
    document.body.append(document.adoptNode(svg));
    iconsAt = "";
  })
  .catch(() => {});

/** @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${iconsAt}#i-${name}`);
  svg.append(use);
  return svg;
}
