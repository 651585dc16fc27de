// Keys that work on one photo, on its own page as in the dialog.

const isTyping = (target) => target.closest("input, textarea, select, video");

/** Left and right go to the newer and the older photo, Delete moves it to the trash. */
export function bindPhotoKeys(root, { onStep, onDelete }) {
  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    const link = rel && document.querySelector(`article.photo [rel=${rel}]`);
    if (link) onStep(link);
    else if (event.key === "Delete") onDelete();
    else return;
    event.preventDefault();
  });
}
