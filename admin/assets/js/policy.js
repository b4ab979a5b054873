// @ts-check
// The policy's text: its lines are numbered, a mistake leads to its place, and what is typed is kept
// in the tab until it is saved.

const KEPT = "policy";

export function watchPolicy() {
  const text = document.getElementById("policy-text");
  const form = text?.closest("form");
  const lines = form?.querySelector(".lines");
  if (!(text instanceof HTMLTextAreaElement) || !form || !(lines instanceof HTMLElement)) return;
  const wrong = new Set((lines.dataset.wrong ?? "").split(" "));
  const number = () => {
    const count = text.value.split("\n").length;
    while (lines.childElementCount > count) lines.lastElementChild?.remove();
    while (lines.childElementCount < count) {
      const line = document.createElement("li");
      line.textContent = String(lines.childElementCount + 1);
      line.classList.toggle("wrong", wrong.has(line.textContent));
      lines.append(line);
    }
    lines.scrollTop = text.scrollTop;
  };
  restore(form, text);
  number();
  text.addEventListener("scroll", () => (lines.scrollTop = text.scrollTop), { passive: true });
  text.addEventListener("input", () => {
    number();
    keep(form, text);
  });
  document.addEventListener("click", (click) => {
    const place = click.target instanceof Element ? click.target.closest("a[data-line]") : null;
    if (!(place instanceof HTMLElement)) return;
    click.preventDefault();
    goTo(text, Number(place.dataset.line), Number(place.dataset.column));
  });
}

/**
 * What was typed in this tab and not saved, with the version that it was made from: whoever saved
 * meanwhile is told. @param {HTMLFormElement} form @param {HTMLTextAreaElement} text
 */
function restore(form, text) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  const stands = form.elements.namedItem("stands");
  if (!form.hasAttribute("data-stands") || text.readOnly || !kept) return;
  if (kept.text === text.value) return sessionStorage.removeItem(KEPT);
  text.value = kept.text;
  if (stands instanceof HTMLInputElement) stands.value = kept.stands;
  const note = form.querySelector("[data-kept]");
  if (!(note instanceof HTMLElement)) return;
  note.hidden = false;
  note.querySelector("button")?.addEventListener("click", () => {
    sessionStorage.removeItem(KEPT);
    location.reload();
  });
}

/** @param {HTMLFormElement} form @param {HTMLTextAreaElement} text */
function keep(form, text) {
  const stands = form.elements.namedItem("stands");
  if (text.readOnly || !(stands instanceof HTMLInputElement)) return;
  sessionStorage.setItem(KEPT, JSON.stringify({ stands: stands.value, text: text.value }));
}

/** @param {HTMLTextAreaElement} text @param {number} line @param {number} column both from 1, in characters */
function goTo(text, line, column) {
  const before = text.value.split("\n").slice(0, line - 1);
  const own = [...(text.value.split("\n")[line - 1] ?? "")];
  const from = before.reduce((sum, one) => sum + one.length + 1, 0) + own.slice(0, column - 1).join("").length;
  const to = from + own.slice(column - 1).join("").length;
  text.focus();
  text.setSelectionRange(from, to);
  const height = parseFloat(getComputedStyle(text).lineHeight);
  text.scrollTop = Math.max(0, (line - 6) * height);
  text.scrollIntoView({ block: "nearest" });
}
