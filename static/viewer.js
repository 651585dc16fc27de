// The dialog over the library that shows one photo: opened from the grid, left with Escape or back.

import { awaitPhoto, fetchPage, removeTiles, tileOf } from "./timeline.js";
import { bindPhotoKeys } from "./keys.js";
import { say } from "./toast.js";

const dialog = document.getElementById("viewer");
const libraryAddress = location.pathname + location.search;
let shown = null;

const isPhoto = (path) => /^(\/albums\/[0-9a-f-]{36})?\/photos\/[0-9a-f-]{36}$/.test(path);

/** Opens the photo at an address; the page's own address follows, so that reload and back do what they should. */
export async function openPhoto(address) {
  if (await show(address)) history.pushState({ viewer: true }, "", address);
}

async function show(address) {
  let article;
  try {
    article = (await fetchPage(address)).querySelector("article.photo");
  } catch (error) {
    say(`This photo cannot be shown. ${error.message}`);
    return false;
  }
  shown = article.dataset.id;
  dialog.replaceChildren(document.adoptNode(article));
  dialog.setAttribute("aria-label", article.getAttribute("aria-label"));
  if (!dialog.open) dialog.showModal();
  article.querySelector(".close").focus();
  prefetch(article);
  return true;
}

function prefetch(article) {
  for (const link of article.querySelectorAll("[rel=prev], [rel=next]")) {
    const id = link.pathname.split("/").pop();
    if (tileOf(id)?.querySelector("img")) new Image().src = `/api/assets/${id}/thumbnail?size=preview`;
  }
}

async function step(address) {
  if (await show(address)) history.replaceState(history.state, "", address);
}

function leave() {
  if (history.state?.viewer) history.back();
  else {
    history.replaceState(null, "", libraryAddress);
    close();
  }
}

function close() {
  dialog.close();
  dialog.replaceChildren();
  const tile = tileOf(shown);
  tile?.scrollIntoView({ block: "nearest" });
  tile?.focus();
  shown = null;
}

/** Moves photos to the trash, and offers to take that back. */
export async function trashPhotos(ids) {
  if (!(await send("DELETE", "/api/assets", ids))) return false;
  removeTiles(ids);
  const [moved, back] = ids.length > 1 ? [`${ids.length} photos moved`, "They are"] : ["Moved", "It is"];
  say(`${moved} to the trash.`, "Undo", async () => {
    if (!(await send("POST", "/api/trash/restore/assets", ids))) return;
    ids.forEach(awaitPhoto);
    say(`${back} back.`);
  });
  return true;
}

async function send(method, address, ids) {
  try {
    const response = await fetch(address, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ids }),
    });
    if (response.ok) return true;
    say((await response.json()).message);
  } catch {
    say("The server cannot be reached.");
  }
  return false;
}

async function trashShown() {
  // Photos of others have no such form.
  if (!dialog.querySelector("[data-trash]")) return;
  const following = dialog.querySelector("[rel=next]") ?? dialog.querySelector("[rel=prev]");
  if (!(await trashPhotos([shown]))) return;
  if (following) step(following.href);
  else leave();
}

dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  leave();
});
dialog.addEventListener("click", (event) => {
  const link = event.target.closest("a.step");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.matches(".close")) leave();
  else step(link.href);
});
dialog.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-trash]")) return;
  event.preventDefault();
  trashShown();
});
bindPhotoKeys(dialog, { onStep: (link) => step(link.href), onDelete: trashShown });
window.addEventListener("popstate", () => {
  if (isPhoto(location.pathname)) show(location.pathname);
  else if (dialog.open) close();
});
