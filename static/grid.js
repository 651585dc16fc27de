// A page with a grid of photos: scrolling on, keys in the grid, opening photos.

import { canTrash, choose, isSelecting, trashChosen } from "./selection.js";
import { fetchPage, merge, tiles } from "./timeline.js";
import { openPhoto, trashPhotos } from "./viewer.js";
import { say } from "./toast.js";

const library = document.getElementById("library");
let isLoading = false;

async function loadMore() {
  const link = document.getElementById("more");
  if (!link || isLoading) return;
  isLoading = true;
  try {
    const page = await fetchPage(link.href);
    merge(page);
    const following = page.getElementById("more");
    if (following) link.href = following.href;
    else link.parentElement.remove();
  } catch (error) {
    say(`More photos cannot be loaded. ${error.message}`, "Try again", loadMore);
  } finally {
    isLoading = false;
  }
  // A short page leaves the link in sight, and nothing would tell of it again.
  if (document.getElementById("more")) {
    sight.unobserve(link);
    sight.observe(link);
  }
}

const sight = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && loadMore(), {
  rootMargin: "1200px",
});

const more = document.getElementById("more");
if (more) {
  sight.observe(more);
  more.addEventListener("click", (event) => {
    event.preventDefault();
    loadMore();
  });
}

library.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile || event.button || event.ctrlKey || event.metaKey) return;
  // Once something is chosen, a click chooses more; the Enter key (a click without a count) always opens.
  const isChoosing = isSelecting() && event.detail > 0;
  if (event.shiftKey && !isChoosing) return;
  event.preventDefault();
  if (isChoosing) choose(tile, event.shiftKey);
  else openPhoto(tile.pathname);
});

library.addEventListener("mousedown", (event) => {
  // Else the browser would mark all text on the way.
  if (event.shiftKey && isSelecting()) event.preventDefault();
});

library.addEventListener("keydown", async (event) => {
  const tile = event.target.closest(".grid li")?.querySelector(".tile");
  if (!tile || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = tiles();
  const at = all.indexOf(tile);
  const goal = {
    ArrowLeft: () => all[at - 1],
    ArrowRight: () => all[at + 1],
    ArrowUp: () => nearest(all.slice(0, at).reverse(), tile),
    ArrowDown: () => nearest(all.slice(at + 1), tile),
  }[event.key];
  if (goal) {
    event.preventDefault();
    goal()?.focus();
  } else if (event.key === " " && event.target === tile) {
    event.preventDefault();
    choose(tile, event.shiftKey);
  } else if (event.key === "Delete" && canTrash) {
    event.preventDefault();
    if (isSelecting()) return trashChosen();
    const neighbour = all[at + 1] ?? all[at - 1];
    if (await trashPhotos([tile.dataset.id])) neighbour?.focus();
  }
});

/** Of the photos in the next row that is not this one's, the one that lies closest below or above. */
function nearest(candidates, tile) {
  const middle = (box) => box.left + box.width / 2;
  const here = tile.getBoundingClientRect();
  const others = candidates.map((one) => [one, one.getBoundingClientRect()]).filter(([, box]) => Math.abs(box.top - here.top) > 4);
  const row = others.filter(([, box]) => Math.abs(box.top - others[0][1].top) < 4);
  row.sort(([, a], [, b]) => Math.abs(middle(a) - middle(here)) - Math.abs(middle(b) - middle(here)));
  return row[0]?.[0];
}
