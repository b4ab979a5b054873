// @ts-check
// Ticks what the server wrote: data-since counts up, data-due down, data-axis moves along.
import { icon, left, say, serverNow, span } from "./words.js";

/** The length of the waiting axis in ms, as the server draws it. */
const AXIS = 90_000;

export function tick() {
  if (document.body.classList.contains("lost")) return;
  const now = serverNow();
  for (const el of document.querySelectorAll("[data-since]")) {
    if (el instanceof HTMLElement) write(el, span(now - Number(el.dataset.since)));
  }
  let overdue = 0;
  for (const el of document.querySelectorAll("[data-due]")) {
    if (el instanceof HTMLElement) due(el, now);
  }
  overdue = document.querySelectorAll("#duties .due.over").length;
  for (const el of document.querySelectorAll("[data-axis]")) {
    if (!(el instanceof SVGElement)) continue;
    const waited = now - Number(el.dataset.axis);
    el.setAttribute("cx", `${((Math.min(Math.max(waited, 0), AXIS) * 100) / AXIS).toFixed(1)}%`);
    el.setAttribute("class", waited < 20_000 ? "in" : waited < 60_000 ? "past" : "long");
  }
  return overdue;
}

/** @param {HTMLElement} el @param {number} now */
function due(el, now) {
  const [at, risk] = [Number(el.dataset.due), Number(el.dataset.risk)];
  const kind = now >= at ? "over" : now >= risk ? "risk" : "";
  const [word, figure] = [el.querySelector("span"), el.querySelector("b")];
  if (figure) write(figure, left(Math.abs(at - now)));
  const was = el.classList.contains("over") ? "over" : el.classList.contains("risk") ? "risk" : "";
  if (kind === was) return;
  el.classList.remove("over", "risk");
  if (kind) el.classList.add(kind);
  el.querySelector("svg")?.remove();
  if (kind) el.prepend(icon(kind));
  if (word) write(word, say(kind || "left"));
}

/** @param {Element} el @param {string} text */
function write(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/** Live figures, countdowns and states are not known any more: none stays as if it were. */
export function forget() {
  for (const el of document.querySelectorAll("[data-since], .tile .val, .tile .sub, .due b, .queues td.num, .phone .now time, .agents h3 b, .links td.num")) {
    if (!el.closest(".status")) write(el, "–");
  }
  for (const el of document.querySelectorAll(".due")) {
    el.classList.remove("over", "risk");
    el.classList.add("held");
    el.querySelector("svg")?.remove();
    const word = el.querySelector("span");
    if (word) write(word, say("unknown"));
  }
  for (const el of document.querySelectorAll(".phone .state, .agents h3 .state, .links .state")) {
    el.className = "state";
    el.replaceChildren(icon("off"), say("unknown"));
  }
  for (const el of document.querySelectorAll(".pop:not(.past) .band strong")) write(el, say("unknown"));
  for (const el of document.querySelectorAll("[data-axis]")) el.remove();
}
