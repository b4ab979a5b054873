// @ts-check
// Puts what the stream sends into the page, by id: only what differs is touched, so that focus,
// scroll, selection and an open menu survive. The HTML was written and escaped by the server.

const policy = /** @type {any} */ (window).trustedTypes?.createPolicy("ringback", {
  createHTML: (/** @type {string} */ html) => html,
  createScriptURL: (/** @type {string} */ url) => {
    if (!url.startsWith("/assets/")) throw new TypeError("only our own scripts");
    return url;
  },
});

/** The address of one of our own scripts. @param {string} url */
export function scriptUrl(url) {
  return policy ? policy.createScriptURL(url) : url;
}

/** @param {string} html @returns {Element | null} */
export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = policy ? policy.createHTML(html) : html;
  return template.content.firstElementChild;
}

/** @param {string} html */
export function parseDocument(html) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
}

/** @param {string} svg */
export function parseSvg(svg) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(svg) : svg, "image/svg+xml").documentElement;
}

/** What is on the page is not to be trusted any more: everything that comes is put in anew. */
export function distrust() {
  last.clear();
}

/** Changes held back while somebody's hand is in the list, by id. @type {Map<string, string>} */
const held = new Map();
/** What was put under each id last. @type {Map<string, string>} */
const last = new Map();

/**
 * @param {{ id: string, html?: string, in?: string | null }} fragment
 * @returns {Element | null} what is now under that id
 */
export function put(fragment) {
  const { id, html } = fragment;
  const old = document.getElementById(id);
  if (html === undefined) {
    last.delete(id);
    old?.remove();
    return null;
  }
  if (old && last.get(id) === html) return old;
  if (old && old.hasAttribute("data-held") && isUnderHand(old)) {
    held.set(id, html);
    tellHeld(old);
    return old;
  }
  held.delete(id);
  last.set(id, html);
  const next = parse(html);
  if (!next) return old;
  if (old) {
    morph(old, next);
    return old;
  }
  if (!fragment.in) return null;
  const place = document.getElementById(fragment.in);
  place?.prepend(next);
  return place ? next : null;
}

/** Applies what was held back in a list that the hand has left. */
export function release() {
  for (const [id, html] of [...held]) {
    const el = document.getElementById(id);
    if (!el || !isUnderHand(el)) {
      held.delete(id);
      if (el) put({ id, html });
    }
  }
}

/** @param {Element} el */
function isUnderHand(el) {
  return el.matches(":hover") || el.contains(document.activeElement);
}

/** @param {Element} list */
function tellHeld(list) {
  const sign = list.querySelector(".held-back") ?? document.querySelector(".toolbar > .held-back");
  if (!(sign instanceof HTMLElement)) return;
  const n = Number(sign.dataset.n ?? 0) + 1;
  sign.dataset.n = String(n);
  sign.textContent = (JSON.parse(document.body.dataset.words ?? "{}").held ?? "").replace("{n}", String(n));
  sign.hidden = false;
}

/** Makes `old` like `next`, touching only what differs. @param {Element} old @param {Element} next */
export function morph(old, next) {
  if (old.tagName !== next.tagName) {
    old.replaceWith(next);
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !keeps(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...next.attributes]) {
    if (old.getAttribute(name) !== value && !keeps(old, name)) old.setAttribute(name, value);
  }
  morphChildren(old, next);
}

/** An open menu stays open. @param {Element} el @param {string} attribute */
function keeps(el, attribute) {
  return attribute === "open" && el instanceof HTMLDetailsElement;
}

/** @param {Element} old @param {Element} next */
function morphChildren(old, next) {
  let at = /** @type {ChildNode | null} */ (old.firstChild);
  for (const child of [...next.childNodes]) {
    const id = child instanceof Element ? child.id : "";
    const same = id ? [...old.children].find((el) => el.id === id) : null;
    if (same) {
      if (same !== at) old.insertBefore(same, at);
      else at = at?.nextSibling ?? null;
      morph(same, /** @type {Element} */ (child));
      if (same === at) at = at.nextSibling;
      continue;
    }
    const alike = at && at.nodeName === child.nodeName && !(at instanceof Element && at.id);
    if (!at || !alike) {
      old.insertBefore(child, at);
      continue;
    }
    const here = at;
    at = at.nextSibling;
    if (here instanceof Element && child instanceof Element) morph(here, child);
    else if (here.nodeValue !== child.nodeValue) here.nodeValue = child.nodeValue;
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}
