// @ts-check
// Alt 1 2 3: phone, ticket, what I owe. / search, Ctrl ↵ submit, Esc closes, ? the list.

const PLACES = ["place-phone", "place-ticket", "place-diary"];

export function watchKeys() {
  const single = document.getElementById("single-keys");
  if (single instanceof HTMLInputElement) {
    single.checked = localStorage.getItem("single-keys") !== "off";
    single.onchange = () => localStorage.setItem("single-keys", single.checked ? "on" : "off");
  }
  addEventListener("keydown", (press) => {
    // An input method is choosing characters: none of our business.
    if (press.isComposing || press.keyCode === 229) return;
    if (press.altKey && !press.ctrlKey && ["1", "2", "3"].includes(press.key)) {
      const place = document.getElementById(PLACES[Number(press.key) - 1]);
      if (place) {
        press.preventDefault();
        place.focus();
      }
    } else if ((press.ctrlKey || press.metaKey) && press.key === "Enter") {
      const form = document.activeElement?.closest("form") ?? document.querySelector("form[data-ticket]");
      if (form instanceof HTMLFormElement) {
        press.preventDefault();
        form.requestSubmit(form.querySelector(".btn.main"));
      }
    } else if (press.key === "Escape") {
      for (const menu of document.querySelectorAll("details.menu[open]")) menu.removeAttribute("open");
    } else if (!press.ctrlKey && !press.metaKey && !press.altKey && !isTyping() && localStorage.getItem("single-keys") !== "off") {
      if (press.key === "/") {
        const seek = document.getElementById("seek") ?? document.getElementById("stream-filter");
        if (seek) {
          press.preventDefault();
          seek.focus();
        }
      } else if (press.key === "?") {
        showKeys();
      }
    }
  });
}

export function showKeys() {
  const sheet = document.getElementById("keys-sheet");
  if (sheet instanceof HTMLDialogElement && !sheet.open) sheet.showModal();
}

function isTyping() {
  const at = document.activeElement;
  return at instanceof HTMLInputElement || at instanceof HTMLTextAreaElement || at instanceof HTMLSelectElement;
}
