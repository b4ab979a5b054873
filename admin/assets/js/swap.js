// @ts-check
// Goes from ticket to ticket and submits forms without leaving the page, so that pops, scroll and
// sound stay. Without this script the same links and forms load the page anew.
import { flush, forgetDraft, forgetNote, restore, restoreNote } from "./drafts.js";
import { morph, parseDocument, put } from "./fragments.js";
import { toast } from "./toasts.js";
import { say } from "./words.js";

export function watchSwaps() {
  document.addEventListener("click", (click) => {
    const link = click.target instanceof Element ? click.target.closest("a[data-tab]") : null;
    const plain = !click.ctrlKey && !click.metaKey && !click.shiftKey && click.button === 0;
    if (!(link instanceof HTMLAnchorElement) || !plain || !document.getElementById("work")) return;
    click.preventDefault();
    go(link.href);
  });
  document.addEventListener("submit", (submit) => {
    const form = submit.target;
    if (!(form instanceof HTMLFormElement)) return;
    if (form.hasAttribute("data-quiet")) {
      submit.preventDefault();
      quietly(form, /** @type {SubmitEvent} */ (submit).submitter);
    } else if (form.hasAttribute("data-swap") && document.body.dataset.page === "desk") {
      submit.preventDefault();
      const button = /** @type {SubmitEvent} */ (submit).submitter;
      forgetDraft();
      send(form, button?.getAttribute("formaction") ?? form.action);
    }
  });
  addEventListener("popstate", () => load(location.href, {}));
}

/** @param {string} url */
export async function go(url) {
  await flush();
  await load(url, {});
}

/**
 * Where this page is read again. Rows of a list that somebody works through stay in it, marked, when they
 * are over: what is under the hand does not become another.
 * @param {HTMLElement[]} rows
 */
function again(rows) {
  const url = new URL(location.href);
  if (rows.length) url.searchParams.set("seen", rows.map((row) => row.dataset.seen ?? "").join(","));
  return url;
}

/** Reads this page again and puts in whatever lives on it. */
export async function refresh() {
  const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-seen]")]);
  try {
    const answer = await fetch(again(rows), { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = parseDocument(await answer.text());
    const heights = rows.map((row) => row.getBoundingClientRect().height);
    for (const fresh of page.querySelectorAll("[data-live]")) {
      const old = document.getElementById(fresh.id);
      // A list does not move under a hand.
      if (old?.hasAttribute("data-held")) put({ id: fresh.id, html: fresh.outerHTML });
      else if (old) morph(old, fresh);
    }
    rows.forEach((row, nth) => row.classList.contains("over") && (row.style.minHeight = `${heights[nth]}px`));
  } catch {
    // The connection's own watch says that it is lost.
  }
}

/** @param {HTMLFormElement} form @param {string} action */
function send(form, action) {
  return load(action, { method: "POST", body: new URLSearchParams(/** @type {any} */ (new FormData(form))) });
}

/** @param {string} url @param {RequestInit} how */
async function load(url, how) {
  try {
    const answer = await fetch(url, { ...how, headers: { accept: "text/html" } });
    const page = parseDocument(await answer.text());
    const [work, tabs] = [page.getElementById("work"), page.getElementById("tabs")];
    if (!work || !tabs) {
      // Another page altogether: an error, or the sign-in.
      toast(page.querySelector("h1")?.textContent ?? say("failed"), { bad: true });
      return;
    }
    document.getElementById("work")?.replaceWith(document.adoptNode(work));
    const old = document.getElementById("tabs");
    if (old) morph(old, tabs);
    const to = answer.redirected || how.method !== "POST" ? answer.url : location.href;
    if (to !== location.href) history.pushState(null, "", to);
    restore();
  } catch {
    toast(say("failed"), { bad: true });
  }
}

/**
 * Does something beside the page: its answer is a notice, not a page; an empty one where what comes
 * of it is seen. With `data-go` the page goes where the answer leads. Why it was refused stands in
 * the form's own place for that, else in a notice. A menu that it was chosen from closes.
 * @param {HTMLFormElement} form @param {HTMLElement | null} button
 */
async function quietly(form, button) {
  const fields = new FormData(form);
  const body = form.enctype === "multipart/form-data" ? fields : new URLSearchParams(/** @type {any} */ (fields));
  if (button instanceof HTMLButtonElement && button.name) body.set(button.name, button.value);
  const said = form.dataset.said ?? say("dialling");
  const why = form.querySelector("[data-why]");
  const goes = form.hasAttribute("data-go");
  if (why instanceof HTMLElement) why.hidden = true;
  else close(form.closest("details.menu"));
  try {
    const answer = await fetch(button?.getAttribute("formaction") ?? form.action, {
      method: "POST",
      body,
      redirect: goes ? "follow" : "manual",
      headers: { accept: "application/json" },
    });
    if (answer.type === "opaqueredirect" || answer.ok) {
      if (goes) return location.assign(answer.url);
      close(form.closest("details.menu"));
      forgetNote(form);
      form.reset();
      restoreNote(form);
      if (document.body.dataset.page === "ticket" || document.body.dataset.page === "approvals") refresh();
      if (said) toast(said, { sign: "phone" });
    } else {
      const title = (await answer.json()).title ?? say("failed");
      // Somebody else was quicker: what stands there now says more.
      const isStale = answer.status === 409 && document.body.dataset.page === "approvals";
      refused(isStale ? null : why, title);
      if (isStale) refresh();
    }
  } catch {
    refused(why, say("failed"));
  }
}

/** @param {Element | null} place @param {string} text */
function refused(place, text) {
  if (!(place instanceof HTMLElement)) return toast(text, { bad: true });
  place.textContent = text;
  place.hidden = false;
}

/** @param {Element | null} menu */
function close(menu) {
  if (menu?.contains(document.activeElement)) menu.querySelector("summary")?.focus();
  menu?.removeAttribute("open");
}
