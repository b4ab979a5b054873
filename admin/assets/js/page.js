// @ts-check
// Starts what a page needs; each module has one job.
import { tick } from "./clocks.js";
import { heard, onReconnect, pinged, signedOut, tellYears, watch } from "./connection.js";
import { flush, watchDrafts } from "./drafts.js";
import { addEvent, watchEvents } from "./events.js";
import { distrust, put, release } from "./fragments.js";
import { watchKeys } from "./keys.js";
import { watchMenu } from "./menu.js";
import { watchPolicy } from "./policy.js";
import { changed, only, prepare, retitle } from "./pops.js";
import { listen } from "./stream.js";
import { watchLooks } from "./looks.js";
import { refresh as reread, watchSwaps } from "./swap.js";
import { toast } from "./toasts.js";
import { say, serverNow } from "./words.js";

const page = document.body.dataset.page ?? "";
const isOwed = page === "owed" || page === "obligation";
const build = document.body.dataset.build;

/** @param {import("./hub.js").Heard} message */
function hear({ event, data }) {
  if (event === "signed-out") return signedOut();
  if (event === "silent") return;
  if (heard()) {
    distrust();
    refresh();
    flush();
  }
  if (event === "fragment") {
    const chosen = data.id === "tabs" ? document.querySelector("#tabs > [aria-selected=true]") : null;
    const el = put(data);
    if (el?.classList.contains("pop")) changed(el);
    if (data.id === "status") tellYears();
    if (chosen) markTab(chosen);
  } else if (event === "pops") {
    only(data.only);
  } else if (event === "ping") {
    pinged(data);
    if (data.build !== build) toast(say("newBuild"), { id: "new-build", sign: "again" });
  } else if (event === "told") {
    toast(data.text, { id: `told-${data.id}`, bad: data.late, sign: data.late ? "over" : "risk", href: data.href });
  } else if (event === "beside") {
    toast(data.text, { bad: true, sign: "users", href: data.href });
  } else if (event === "not-done") {
    toast(data.text, { bad: true });
  } else if (event === "event") {
    addEvent(data.html);
  } else if (event === "resync" || (event === "hello" && data.again) || (event === "ticket" && page === "ticket") || (event === "owed" && isOwed) || (event === "approvals" && page === "approvals")) {
    refresh();
  }
}

/** The page as it is now, but for its banners: those come with the next page. */
async function refresh() {
  await reread();
  tellYears();
}

/** Whether somebody's claim ended since it was written here: nobody tells of that. */
function ranOut() {
  const over = [...document.querySelectorAll("[data-until]")].filter((el) => Number(el.getAttribute("data-until")) <= serverNow());
  for (const el of over) el.removeAttribute("data-until");
  return over.length > 0;
}

let rereadAt = Date.now();

/** Where something stands still, its drawn deadline moves on with time. @param {number} ms since it was written */
function isStillFor(ms) {
  if (Date.now() - rereadAt < ms || !document.querySelector("[data-still]")) return false;
  rereadAt = Date.now();
  return true;
}

/** The stream does not know which ticket is shown here: its tab stays. @param {Element} chosen */
function markTab(chosen) {
  if (chosen.id && !document.getElementById(chosen.id)) document.querySelector("#tabs > form")?.before(chosen);
  const here = location.pathname + location.search;
  for (const tab of document.querySelectorAll("#tabs > a")) {
    tab.setAttribute("aria-selected", String(tab.getAttribute("href") === here));
  }
}

watchKeys();
watchMenu();
watchDrafts();
watchSwaps();
watchLooks();
watchEvents();
watchPolicy();
prepare();
for (const pop of document.querySelectorAll("#pops > .pop")) changed(pop);
const hub = listen(page, hear);
onReconnect(hub.again);
tick();
setInterval(() => {
  watch();
  retitle(tick() ?? 0);
  if ((isOwed && ranOut()) || isStillFor(60_000)) refresh();
}, 1_000);
for (const event of ["pointermove", "focusout"]) document.addEventListener(event, release, { passive: true });
