// @ts-check
// What is typed into a ticket is kept while typing: on the server, and until it is there, here. What is
// typed into a note stays in the tab until it is sent.
import { clock, icon, say } from "./words.js";

/** Quiet after the last key before the draft is sent, in ms. */
const PAUSE = 700;

/** @type {number | undefined} */
let timer;
/** @type {HTMLFormElement | null} */
let dirty = null;

export function watchDrafts() {
  document.addEventListener("input", (input) => {
    const form = input.target instanceof Element ? input.target.closest("form[data-ticket]") : null;
    const writing = input.target instanceof HTMLTextAreaElement ? input.target.closest("form[data-note]") : null;
    if (writing instanceof HTMLFormElement) sessionStorage.setItem(noteKey(writing), words(writing)?.value ?? "");
    if (!(form instanceof HTMLFormElement)) return;
    dirty = form;
    sessionStorage.setItem(key(form), body(form));
    note(form, "pen", say("draftWaits"));
    dot(form);
    clearTimeout(timer);
    timer = setTimeout(flush, PAUSE);
  });
  addEventListener("pagehide", () => flush(true));
  document.addEventListener("visibilitychange", () => document.hidden && flush(true));
  restore();
}

/** Sends what is not sent yet. @param {boolean} [leaving] */
export async function flush(leaving = false) {
  clearTimeout(timer);
  const form = dirty;
  if (!form) return;
  const sent = body(form);
  try {
    const answer = await fetch(`/tickets/${form.dataset.ticket}/draft`, {
      method: "POST",
      headers: { "content-type": "text/plain;charset=utf-8" },
      body: sent,
      keepalive: leaving,
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const at = clock(Date.parse(answer.headers.get("date") ?? "") || Date.now());
    if (body(form) === sent) {
      dirty = null;
      sessionStorage.removeItem(key(form));
      note(form, "save", say("draftKept", { at }));
    }
  } catch {
    note(form, "warn", say("draftHere"));
  }
}

/** The form was submitted or put aside: nothing of it is left to keep. */
export function forgetDraft() {
  if (dirty) sessionStorage.removeItem(key(dirty));
  dirty = null;
  clearTimeout(timer);
}

/** The note was sent. @param {HTMLFormElement} form */
export function forgetNote(form) {
  if (form.dataset.note) sessionStorage.removeItem(noteKey(form));
}

/** Puts back what could not be sent before the page went. */
export function restore() {
  for (const writing of document.querySelectorAll("form[data-note]")) {
    if (writing instanceof HTMLFormElement) restoreNote(writing);
  }
  for (const unsent of document.querySelectorAll("[data-unsent]")) {
    const kept = sessionStorage.getItem(`note-${unsent.getAttribute("data-unsent")}`);
    unsent.toggleAttribute("hidden", !kept);
    unsent.querySelector("[data-words]")?.replaceChildren(kept ?? "");
  }
  const form = document.querySelector("form[data-ticket]");
  if (!(form instanceof HTMLFormElement)) return;
  const kept = sessionStorage.getItem(key(form));
  if (!kept || kept === body(form)) return;
  for (const [name, value] of new URLSearchParams(kept)) {
    if (name === "version" || name === "back") continue;
    const field = form.elements.namedItem(name);
    if (field instanceof RadioNodeList || field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement) {
      field.value = value;
    }
  }
  dirty = form;
  flush();
}

/**
 * What was begun in a ticket that became part of this one goes on here, where nothing is begun.
 * @param {HTMLFormElement} form
 */
export function restoreNote(form) {
  const field = words(form);
  if (!field || field.value) return;
  for (const part of (form.dataset.parts ?? "").split(" ").filter(Boolean)) {
    if (sessionStorage.getItem(noteKey(form))) break;
    sessionStorage.setItem(noteKey(form), sessionStorage.getItem(`note-${part}`) ?? "");
    sessionStorage.removeItem(`note-${part}`);
  }
  field.value = sessionStorage.getItem(noteKey(form)) ?? "";
}

/** @param {HTMLFormElement} form */
function body(form) {
  return new URLSearchParams(/** @type {any} */ (new FormData(form))).toString();
}

/** @param {HTMLFormElement} form */
function key(form) {
  return `draft-${form.dataset.ticket}`;
}

/** @param {HTMLFormElement} form */
function noteKey(form) {
  return `note-${form.dataset.note}`;
}

/** @param {HTMLFormElement} form */
function words(form) {
  const field = form.elements.namedItem("words");
  return field instanceof HTMLTextAreaElement ? field : null;
}

/** The tab of a ticket that is being written bears a dot. @param {HTMLFormElement} form */
function dot(form) {
  const tab = document.getElementById(`tab-${form.dataset.ticket}`);
  if (!tab || tab.querySelector(".unsaved")) return;
  const mark = document.createElement("span");
  mark.className = "unsaved";
  tab.prepend(mark);
}

/** @param {HTMLFormElement} form @param {string} sign @param {string} text */
function note(form, sign, text) {
  form.querySelector("[data-draft]")?.replaceChildren(icon(sign), text);
}
