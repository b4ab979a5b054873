// @ts-check
// The menu at the top right: light or dark, sound and notices, the keys; and the button that prints a page.
import { showKeys } from "./keys.js";
import { say } from "./words.js";

const THEMES = ["system", "light", "dark"];

export function watchMenu() {
  tellNotices();
  document.addEventListener("click", async (click) => {
    const target = click.target instanceof Element ? click.target : null;
    const what = target?.closest("[data-do]")?.getAttribute("data-do");
    if (what === "theme") {
      const root = document.documentElement;
      const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "system") + 1) % THEMES.length];
      document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
      root.dataset.theme = next;
    } else if (what === "notices" && isSecureContext && "Notification" in window) {
      await Notification.requestPermission();
      tellNotices();
    } else if (what === "keys") {
      showKeys();
    } else if (what === "print") {
      print();
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(target)) menu.removeAttribute("open");
    }
  });
}

function tellNotices() {
  const state = document.getElementById("notices-state");
  if (!state) return;
  if (!isSecureContext || !("Notification" in window)) state.textContent = say("noticesHttps");
  else state.textContent = say(Notification.permission === "granted" ? "noticesOn" : "noticesOff");
}
