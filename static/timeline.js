// The grid: months, days and photos merged into the page, placeholders, photos that become ready.

import { pictureOf } from "./thumbhash.js";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 10000;
const GIVE_UP_AFTER = 10 * 60 * 1000;
const ASKED_AT_ONCE = 60;

const library = document.getElementById("library");
const pending = new Map();
let timer = null;
let wait = FIRST_WAIT;

const listeners = [];

/** Calls back whenever photos have come into the page or left it. */
export function onMerge(listener) {
  listeners.push(listener);
}

function changed() {
  document.getElementById("empty").hidden = tiles().length > 0;
  listeners.forEach((listener) => listener());
}

/** The photos on the page, in order. */
export function tiles() {
  return [...library.querySelectorAll(".tile")];
}

export function tileOf(id) {
  return library.querySelector(`.tile[data-id="${CSS.escape(id)}"]`);
}

/** The document at an address of ours; the whole page is left where nobody is signed in any more. */
export async function fetchPage(address, options = {}) {
  const response = await fetch(address, { credentials: "same-origin", ...options });
  if (new URL(response.url).pathname.startsWith("/auth/")) {
    location.reload();
    return new Promise(() => {});
  }
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** Puts the months of another page into this one, newest first, each photo once. */
export function merge(page) {
  mergeLists(library, [...page.querySelectorAll(".month")]);
  library.querySelectorAll(".tile:not([data-seen])").forEach(prepare);
  changed();
}

function mergeLists(list, newcomers) {
  for (const one of newcomers) {
    const key = one.dataset.key;
    const next = [...list.children].find((child) => child.dataset.key <= key);
    if (next?.dataset.key !== key) list.insertBefore(document.adoptNode(one), next ?? null);
    else if (one.querySelector("[data-list]")) {
      mergeLists(next.querySelector("[data-list]"), [...one.querySelector("[data-list]").children]);
    } else if (next.querySelector("[data-pending]")) {
      one.querySelector(".pick").checked = next.querySelector(".pick").checked;
      next.replaceWith(document.adoptNode(one));
    }
  }
}

/** Takes photos out of the page, and days and months with them where these were their last. */
export function removeTiles(ids) {
  for (const id of ids) {
    const tile = tileOf(id);
    const [item, day, month] = ["li", ".day", ".month"].map((selector) => tile?.closest(selector));
    item?.remove();
    if (day && !day.querySelector(".tile")) day.remove();
    if (month && !month.querySelector(".tile")) month.remove();
  }
  changed();
}

function prepare(tile) {
  tile.dataset.seen = "";
  if ("pending" in tile.dataset) awaitPhoto(tile.dataset.id);
  const image = tile.querySelector("img");
  if (image && !image.complete && tile.dataset.thumbhash) paintPlaceholder(tile, image);
}

function paintPlaceholder(tile, image) {
  const hash = Uint8Array.from(atob(tile.dataset.thumbhash), (letter) => letter.charCodeAt(0));
  if (hash.length < 6) return;
  const picture = pictureOf(hash);
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").putImageData(picture, 0, 0);
  tile.prepend(canvas);
  image.addEventListener("load", () => canvas.remove(), { once: true });
}

/** Shows a photo as soon as its thumbnail is made; one question asks for all that are awaited. */
export function awaitPhoto(id) {
  if (!pending.has(id)) pending.set(id, Date.now() + GIVE_UP_AFTER);
  wait = FIRST_WAIT;
  schedule();
}

function schedule() {
  timer ??= setTimeout(ask, wait);
}

async function ask() {
  const ids = [...pending.keys()].slice(0, ASKED_AT_ONCE);
  try {
    const page = await fetchPage(`${library.dataset.tiles}?ids=${ids.join(",")}`);
    const ready = [...page.querySelectorAll(".tile")].map((tile) => tile.dataset.id);
    merge(page);
    ready.forEach((id) => pending.delete(id));
    wait = ready.length ? FIRST_WAIT : Math.min(wait * 1.5, LONGEST_WAIT);
  } catch {
    wait = LONGEST_WAIT;
  }
  for (const id of ids) {
    const deadline = pending.get(id);
    pending.delete(id);
    // To the end of the line, so that more than one lot gets its turn.
    if (deadline > Date.now()) pending.set(id, deadline);
  }
  timer = null;
  if (pending.size) schedule();
}

library.querySelectorAll(".tile").forEach(prepare);
