// The page's two halves, one review and many, and which of them the address asks for.

import { byId } from "./dom.js";
import { startMany } from "./many.js";
import { readOne, startOne } from "./one.js";

let left = null; // where the visitor was among many reviews: the button and the scroll position

function showMode() {
  const mode = location.hash === "#many" ? "many" : "one";
  for (const part of document.querySelectorAll("[data-mode]")) {
    part.hidden = part.dataset.mode !== mode;
  }
  for (const link of document.querySelectorAll("nav a")) {
    link.setAttribute("aria-current", link.hash === `#${mode}` ? "page" : "false");
  }
  document.title = document.querySelector(`header[data-mode="${mode}"] h1`).textContent;
  if (mode === "many" && left !== null) {
    left.button.focus({ preventScroll: true });
    scrollTo({ top: left.at, behavior: "instant" });
    left = null;
  }
}

/** Show one of many reviews with the words that counted. Going back leads to where one was. */
function explain(text, button) {
  left = { button, at: scrollY };
  location.hash = "#one";
  showMode();
  readOne(text);
  scrollTo({ top: 0, behavior: "instant" });
  byId("result").focus({ preventScroll: true });
}

startOne();
startMany({ explain });
addEventListener("hashchange", showMode);
showMode();
