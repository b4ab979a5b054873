// @ts-check
// The live view of decoded events: newest on top, bounded, filtered, paused at will.
import { parse } from "./fragments.js";
import { say } from "./words.js";

/** Rows kept; a busy PBX says this much in some seconds, and no eye follows faster. */
const ROWS = 200;

let isPaused = false;
let hidden = 0;

export function watchEvents() {
  const pause = document.getElementById("stream-pause");
  pause?.addEventListener("click", () => {
    isPaused = !isPaused;
    hidden = 0;
    pause.setAttribute("aria-pressed", String(isPaused));
    const word = pause.querySelector("span");
    if (word) word.textContent = say(isPaused ? "resume" : "pause");
    tell();
  });
  filter()?.addEventListener("input", () => {
    for (const row of document.querySelectorAll("#events > tr")) sift(row);
  });
}

/** @param {string} html a table row */
export function addEvent(html) {
  const body = document.getElementById("events");
  if (!body) return;
  if (isPaused) {
    hidden += 1;
    tell();
    return;
  }
  const row = parse(html);
  if (!row) return;
  sift(row);
  body.prepend(row);
  if (body.children.length > ROWS) body.lastElementChild?.remove();
  const none = document.getElementById("events-none");
  if (none) none.hidden = true;
}

/** @param {Element} row */
function sift(row) {
  const wanted = filter()?.value.trim().toLowerCase() ?? "";
  if (row instanceof HTMLElement) row.hidden = wanted !== "" && !(row.textContent ?? "").toLowerCase().includes(wanted);
}

function filter() {
  return /** @type {HTMLInputElement | null} */ (document.getElementById("stream-filter"));
}

function tell() {
  const count = document.getElementById("stream-count");
  if (count) count.textContent = isPaused ? say("paused", { n: hidden }) : "";
}
