// @ts-check
// Says whether the page is live: the status line, in red when the server is out of reach.
import { forget } from "./clocks.js";
import { clock, icon, say, serverNow, setServerNow, span } from "./words.js";

/** Silence that is a lost connection, in ms: three pings. */
const SILENCE = 45_000;

let heardAt = Date.now();
/** When it was lost; 0 while live. */
let lostAt = 0;
let isSignedOut = false;
let again = () => location.reload();

/** @param {() => void} reconnect */
export function onReconnect(reconnect) {
  again = reconnect;
}

/** Something came: the page is live. @returns {boolean} whether it was lost before */
export function heard() {
  heardAt = Date.now();
  const wasLost = lostAt > 0;
  lostAt = 0;
  document.body.classList.remove("lost");
  return wasLost;
}

/** @param {{ now: number }} ping */
export function pinged(ping) {
  setServerNow(ping.now);
}

/** Years whose holidays nobody knows are told in the line, unless the page's own banners tell them all. */
export function tellYears() {
  for (const told of document.querySelectorAll("#status [data-years]")) {
    const years = told.getAttribute("data-years")?.split(" ") ?? [];
    if (told instanceof HTMLElement) told.hidden = years.every((year) => document.getElementById(`year-${year}`));
  }
}

export function signedOut() {
  isSignedOut = true;
  document.body.classList.add("lost");
  forget();
  const link = document.createElement("a");
  link.href = "/sign-in";
  link.target = "_blank";
  link.className = "btn";
  link.textContent = say("signIn");
  red(say("signedOut"), link);
}

/** Once a second. */
export function watch() {
  if (isSignedOut) return;
  const silent = Date.now() - heardAt;
  if (silent < SILENCE && navigator.onLine) {
    for (const el of document.querySelectorAll("[data-age]")) {
      const age = Math.floor(silent / 1000);
      const text = say("age", { s: age });
      if (el.textContent !== text) el.textContent = text;
      // Pings come every 15 s; a board that is older than that is not quite fresh.
      el.classList.toggle("stale", age > 16);
    }
    return;
  }
  if (lostAt === 0) {
    lostAt = heardAt;
    document.body.classList.add("lost");
    forget();
  }
  const button = document.createElement("button");
  button.className = "btn";
  button.textContent = say("retry");
  button.onclick = again;
  red(say("lost", { span: span(Date.now() - lostAt), at: clock(lostAt + serverNow() - Date.now()) }), button);
}

/** @param {string} text @param {HTMLElement} action */
function red(text, action) {
  const status = document.getElementById("status");
  if (!status) return;
  const told = status.querySelector("b[data-lost]");
  if (told) {
    told.textContent = text;
    return;
  }
  const b = document.createElement("b");
  b.setAttribute("role", "status");
  b.dataset.lost = "";
  b.textContent = text;
  const keys = document.createElement("span");
  keys.className = "keys";
  keys.append(action);
  status.className = "status bad";
  status.replaceChildren(icon("cut"), b, keys);
}
