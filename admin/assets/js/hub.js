// @ts-check
// One stream for all tabs of a browser that speak one language: six connections are all that it
// has. Runs as a SharedWorker, and inside the page where there is none.

/** What a tab gets: an event's name and its data. @typedef {{ event: string, data: any }} Heard */

export class Hub {
  /** @param {string} origin @param {string} language */
  constructor(origin, language) {
    this.origin = origin;
    this.language = language;
    /** @type {Map<any, { pages: string, tell: (heard: Heard) => void, greeted: boolean }>} */
    this.tabs = new Map();
    /** What was heard last under each id, for tabs that come later. @type {Map<string, Heard>} */
    this.latest = new Map();
    /** @type {EventSource | null} */
    this.source = null;
    this.pages = "";
    this.heardAt = 0;
    setInterval(() => this.watch(), 5_000);
  }

  /** @param {any} key @param {string} pages @param {(heard: Heard) => void} tell */
  join(key, pages, tell) {
    const tab = { pages, tell, greeted: false };
    this.tabs.set(key, tab);
    if (this.wanted() !== this.pages || !this.source) return this.open();
    tab.greeted = true;
    for (const heard of this.latest.values()) tell(heard);
  }

  /** @param {any} key */
  leave(key) {
    this.tabs.delete(key);
    if (this.tabs.size === 0) this.close();
  }

  wanted() {
    return [...new Set([...this.tabs.values()].map((tab) => tab.pages))].sort().join(",");
  }

  open() {
    this.close();
    this.pages = this.wanted();
    this.latest.clear();
    this.heardAt = Date.now();
    const asked = new URLSearchParams({ pages: this.pages, lang: this.language });
    const source = new EventSource(`${this.origin}/stream?${asked}`);
    this.source = source;
    for (const event of ["hello", "fragment", "pops", "ping", "told", "not-done", "beside", "event", "ticket", "owed", "approvals", "resync"]) {
      source.addEventListener(event, (message) => this.heard(event, /** @type {MessageEvent} */ (message).data));
    }
    source.addEventListener("signed-out", () => {
      this.close();
      this.tell({ event: "signed-out", data: {} });
      // Whoever signs in next is somebody else: these pages hear nothing of theirs.
      this.tabs.clear();
    });
    source.onerror = () => {
      this.tell({ event: "silent", data: { since: this.heardAt } });
      // A refused stream (signed out, stopping) is not tried again by the browser itself.
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        this.source = null;
        setTimeout(() => this.tabs.size > 0 && !this.source && this.open(), 2_000 + Math.random() * 4_000);
      }
    };
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  /** @param {string} event @param {string} text */
  heard(event, text) {
    this.heardAt = Date.now();
    if (event === "hello") return this.greet();
    const heard = { event, data: JSON.parse(text) };
    if (event === "fragment") {
      if (heard.data.html === undefined) this.latest.delete(heard.data.id);
      else this.latest.set(heard.data.id, heard);
    }
    if (event === "pops" || event === "ping") this.latest.set(event, heard);
    if (event === "pops") {
      const only = new Set(heard.data.only);
      for (const id of this.latest.keys()) if (id.startsWith("pop-") && !only.has(id)) this.latest.delete(id);
    }
    this.tell(heard);
  }

  /** The stream began, anew for whoever was here before: between two streams nothing is heard. */
  greet() {
    for (const tab of this.tabs.values()) {
      tab.tell({ event: "hello", data: { again: tab.greeted } });
      tab.greeted = true;
    }
  }

  watch() {
    // Three pings were missed: the connection is dead even if nobody has said so.
    if (this.source && Date.now() - this.heardAt > 45_000) {
      this.tell({ event: "silent", data: { since: this.heardAt } });
      this.open();
    }
  }

  /** @param {Heard} heard */
  tell(heard) {
    for (const tab of this.tabs.values()) tab.tell(heard);
  }
}

if ("onconnect" in globalThis) {
  const hub = new Hub(globalThis.location.origin, globalThis.name);
  /** @param {any} connected */
  globalThis.onconnect = (connected) => {
    const port = connected.ports[0];
    port.onmessage = (/** @type {MessageEvent} */ message) => {
      const { join, leave, again } = message.data;
      if (join) hub.join(port, join, (heard) => port.postMessage(heard));
      if (leave) hub.leave(port);
      if (again) hub.open();
    };
  };
}
