// @ts-check
// What a pop brings with it: title, favicon badge, one sound, a notification.
import { say, serverNow, span } from "./words.js";

const title = document.title;
/** Pops that have rung already. @type {Set<string>} */
const rung = new Set();
/** @type {Map<string, Notification>} */
const notices = new Map();
/** @type {AudioContext | null} */
let audio = null;

/** Sound needs a hand first; any touch of the page will do. */
export function prepare() {
  const unlock = () => {
    audio ??= new AudioContext();
    audio.resume();
  };
  addEventListener("pointerdown", unlock, { once: true });
  addEventListener("keydown", unlock, { once: true });
  document.addEventListener("click", (click) => {
    const button = click.target instanceof Element ? click.target.closest("[data-do=dismiss]") : null;
    button?.closest(".pop")?.remove();
  });
}

/** A pop came or changed. @param {Element | null} pop */
export function changed(pop) {
  if (!(pop instanceof HTMLElement) || !pop.classList.contains("pop")) return;
  const state = pop.dataset.pop;
  if (state === "ringing" && !rung.has(pop.id)) {
    rung.add(pop.id);
    ring();
    notify(pop);
  }
  if (state !== "ringing") {
    rung.delete(pop.id);
    notices.get(pop.id)?.close();
    notices.delete(pop.id);
  }
  // The id may come back with the same call, ringing again: only this card goes.
  if (state === "taken") setTimeout(() => pop.dataset.pop === "taken" && pop.remove(), 5_000);
  retitle(0);
}

/** Only these stand; others that are shown are over. @param {string[]} ids */
export function only(ids) {
  for (const pop of document.querySelectorAll("#pops > .pop")) {
    if (!ids.includes(pop.id) && !pop.classList.contains("past")) pop.remove();
  }
  retitle(0);
}

/** Once a second: who rings, else what is late, else where we are. @param {number} overdue */
export function retitle(overdue) {
  const ringing = document.querySelector("#pops > .pop[data-pop=ringing]");
  if (ringing instanceof HTMLElement) {
    const since = ringing.querySelector("[data-since]");
    const ms = since instanceof HTMLElement ? serverNow() - Number(since.dataset.since) : 0;
    document.title = say("rings", { span: span(ms), who: ringing.dataset.who ?? "" });
  } else {
    document.title = overdue > 0 ? say("overdue", { n: overdue, page: title }) : title;
  }
  const link = document.getElementById("favicon");
  const badge = ringing ? "/assets/icon-ringing.svg" : "/assets/icon.svg";
  if (link instanceof HTMLLinkElement && link.getAttribute("href") !== badge) link.setAttribute("href", badge);
}

function ring() {
  // One tab sounds, not all of them.
  const last = Number(localStorage.getItem("rang") ?? 0);
  if (Date.now() - last < 1_000 || !audio || localStorage.getItem("sound") === "off") return;
  localStorage.setItem("rang", String(Date.now()));
  for (const [at, hertz] of [[0, 660], [0.18, 880]]) {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.18, audio.currentTime + at);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.16);
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + 0.17);
  }
}

/** @param {HTMLElement} pop */
function notify(pop) {
  if (!isSecureContext || !("Notification" in window) || Notification.permission !== "granted" || document.hasFocus()) return;
  const tel = (pop.dataset.tel ?? "").replace(/^(.*)....(....)$/, "$1****$2");
  const notice = new Notification(pop.dataset.who || tel, { body: tel, tag: pop.id, requireInteraction: true });
  notice.onclick = () => {
    focus();
    notice.close();
  };
  notices.set(pop.id, notice);
}
