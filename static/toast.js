// One short message at the foot of the page, with at most one thing to do about it.

const SHOWN_FOR = 8000;
const toast = document.getElementById("toast");
let timer = null;

export function say(message, action = null, onAction = null) {
  clearTimeout(timer);
  toast.replaceChildren(document.createTextNode(message));
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action;
    button.addEventListener("click", onAction);
    toast.append(button);
  }
  timer = setTimeout(() => toast.replaceChildren(), SHOWN_FOR);
}
