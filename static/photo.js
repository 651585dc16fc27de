// A photo on a page of its own.

import { bindPhotoKeys } from "./keys.js";

bindPhotoKeys(document, {
  onStep: (link) => location.assign(link.href),
  onDelete: () => document.querySelector("[data-trash]")?.requestSubmit(),
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") location.assign(document.querySelector("article.photo .close").href);
});
