// Choosing photos: one by one, in ranges, by day. What is checked in the page is what is chosen.

import { onMerge } from "./timeline.js";
import { trashPhotos } from "./viewer.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

const library = document.getElementById("library");
const bar = document.getElementById("selection");
const summary = document.getElementById("selection-summary");
const trashButton = document.getElementById("selection-trash");
let anchor = null;
let isExtending = false;

const boxes = (root = library) => [...root.querySelectorAll("input[name=ids]")];
const chosen = () => boxes().filter((box) => box.checked);
const tileBeside = (box) => box.closest("li").querySelector(".tile");

/** Whether anything is chosen: clicks and keys then go on with that. */
export function isSelecting() {
  return library.querySelector("input[name=ids]:checked") !== null;
}

/** Chooses a photo or takes it back; `isRange` does with all from the last one on as was done with that. */
export function choose(tile, isRange) {
  const box = tile.closest("li").querySelector("input[name=ids]");
  if (!isRange || !anchor?.isConnected) box.checked = !box.checked;
  settle(box, isRange);
}

/** Whether this page's photos may be moved to the trash: who looks at an album would take them out of that. */
export const canTrash = trashButton !== null;

/** Moves what is chosen to the trash. */
export async function trashChosen() {
  const ids = chosen().map((box) => box.value);
  if (await trashPhotos(ids)) refresh();
}

function settle(box, isRange) {
  if (isRange && anchor?.isConnected) {
    const all = boxes();
    const [first, last] = [all.indexOf(anchor), all.indexOf(box)].sort((a, b) => a - b);
    for (const one of all.slice(first, last + 1)) one.checked = anchor.checked;
  } else anchor = box;
  refresh();
}

function chooseAll(some, isChosen) {
  for (const box of some) box.checked = isChosen;
  refresh();
}

function clear() {
  const hadFocus = bar.contains(document.activeElement);
  chooseAll(boxes(), false);
  if (hadFocus && anchor?.isConnected) tileBeside(anchor).focus();
  anchor = null;
}

function refresh() {
  const all = chosen();
  const bytes = all.reduce((sum, box) => sum + Number(tileBeside(box).dataset.size), 0);
  const words = [`${all.length} selected`, inWords(bytes)];
  summary.replaceChildren(...words.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  for (const day of library.querySelectorAll(".day")) {
    const [box, photos] = [day.querySelector(".pick-day"), boxes(day)];
    const count = photos.filter((one) => one.checked).length;
    box.checked = count > 0 && count === photos.length;
    box.indeterminate = count > 0 && count < photos.length;
  }
}

/** As the server writes sizes: `38.5 GiB`. */
function inWords(bytes) {
  const exponent = Math.min(bytes ? Math.floor(Math.log2(bytes) / 10) : 0, UNITS.length - 1);
  return exponent ? `${(bytes / 1024 ** exponent).toFixed(1)} ${UNITS[exponent]}` : `${bytes} B`;
}

// A click on a box says nothing of the Shift key where it was made by the space bar.
for (const kind of ["pointerdown", "keydown"]) {
  library.addEventListener(kind, (event) => (isExtending = event.shiftKey), { capture: true });
}
library.addEventListener("change", ({ target }) => {
  if (target.matches(".pick-day")) chooseAll(boxes(target.closest(".day")), target.checked);
  else if (target.name === "ids") settle(target, isExtending);
});
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || !isSelecting()) return;
  if (event.key === "Escape") clear();
  else if (event.key === "a" && (event.ctrlKey || event.metaKey) && !event.altKey) chooseAll(boxes(), true);
  else return;
  event.preventDefault();
});
bar.addEventListener("reset", (event) => {
  event.preventDefault();
  clear();
});
trashButton?.addEventListener("click", trashChosen);
onMerge(() => {
  // Who has chosen a whole day has chosen what of it is loaded later, too.
  for (const box of library.querySelectorAll(".pick-day:checked")) {
    for (const one of boxes(box.closest(".day"))) one.checked = true;
  }
  refresh();
});
refresh();
