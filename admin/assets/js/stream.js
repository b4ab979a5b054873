// @ts-check
// The tab's end of the stream: joins the browser's one hub for its language, or has one of its own.
import { scriptUrl } from "./fragments.js";
import { Hub } from "./hub.js";

/** @param {string} pages @param {(heard: import("./hub.js").Heard) => void} tell */
export function listen(pages, tell) {
  if (!("SharedWorker" in window)) return alone(pages, tell);
  const worker = new SharedWorker(scriptUrl("/assets/hub.js"), { type: "module", name: document.documentElement.lang });
  worker.port.onmessage = (message) => tell(message.data);
  worker.port.postMessage({ join: pages });
  addEventListener("pagehide", () => worker.port.postMessage({ leave: true }));
  addEventListener("pageshow", (shown) => shown.persisted && worker.port.postMessage({ join: pages }));
  return { again: () => worker.port.postMessage({ again: true }) };
}

/** A stream of this tab's own, given up while nobody looks: connections are few. */
function alone(/** @type {string} */ pages, /** @type {(heard: import("./hub.js").Heard) => void} */ tell) {
  const hub = new Hub(location.origin, document.documentElement.lang);
  const join = () => hub.join("tab", pages, tell);
  document.addEventListener("visibilitychange", () => (document.hidden ? hub.leave("tab") : join()));
  join();
  return { again: () => hub.open() };
}
