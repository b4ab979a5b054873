// @ts-check
// Short notices over the lane; whatever they tell stands elsewhere too.
import { icon, say } from "./words.js";

/** How long one stays, in ms. */
const STAYS = 8_000;

/** @param {string} text @param {{ bad?: boolean, sign?: string, id?: string, href?: string }} [how] */
export function toast(text, how = {}) {
  const place = document.getElementById("toasts") ?? floating();
  if (how.id && document.getElementById(how.id)) return;
  const el = document.createElement("div");
  el.className = how.bad ? "toast bad" : "toast";
  if (how.id) el.id = how.id;
  const p = document.createElement("p");
  if (how.href) {
    const a = document.createElement("a");
    a.href = how.href;
    a.textContent = text;
    p.append(a);
  } else p.textContent = text;
  const close = document.createElement("button");
  close.className = "btn bare only";
  close.setAttribute("aria-label", say("close"));
  close.append(icon("x"));
  close.onclick = () => el.remove();
  el.append(icon(how.sign ?? (how.bad ? "fail" : "info")), p, close);
  place.replaceChildren(el);
  setTimeout(() => el.remove(), STAYS);
}

function floating() {
  const place = document.createElement("div");
  place.className = "toasts";
  place.id = "toasts";
  place.setAttribute("role", "status");
  document.body.append(place);
  return place;
}
