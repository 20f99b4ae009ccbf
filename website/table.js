// The table of reviews: one page of it at a time, so that ten thousand stay fluid.

import { byId, element } from "./dom.js";
import { arrange, disagrees, number, percent, tally } from "./tally.js";
import { excerpt } from "./view.js";

const ROWS_ON_PAGE = 50;
const EXCERPT_LENGTH = 240;

const TAGS = {
  positive: "Positive",
  unsure: "Could not tell",
  negative: "Negative",
  failed: "Not read",
  waiting: "Not read yet",
};
const FILTERS = {
  all: ["All", ({ total }) => total],
  negative: ["Negative", ({ negative }) => negative],
  unsure: ["Could not tell", ({ unsure }) => unsure],
  positive: ["Positive", ({ positive }) => positive],
  unread: ["Not read", ({ failed, waiting }) => failed + waiting],
  disagreeing: ["Against the label", (counts, rows) => rows.filter(disagrees).length],
};

/**
 * The table, empty. `explain(text, button)` is called for a review that the visitor chose,
 * `announce(words)` after each step of theirs. Returns `show(rows)`.
 */
export function startTable({ explain, announce }) {
  const view = { show: "all", by: "number", descending: false };
  let rows = [];
  let arranged = [];
  let page = 0;

  function makeRow() {
    const row = element("tr");
    const button = element("button", "excerpt");
    button.type = "button";
    const review = element("td", "review");
    review.append(button, element("span", "reason"));
    row.append(element("td", "number"), element("td", "tag"), element("td", "chance"), review);
    row.addEventListener("click", (event) => {
      const selection = getSelection();
      const isSelecting =
        event.detail > 0 && !selection.isCollapsed && selection.containsNode(row, true);
      if (!isSelecting) {
        explain(arranged[page * ROWS_ON_PAGE + row.sectionRowIndex].text, button);
      }
    });
    return row;
  }

  function fillRow(node, row) {
    const [place, tag, chance, review] = node.children;
    const [button, reason] = review.children;
    place.textContent = number(row.number);
    tag.className = `tag ${row.kind}`;
    tag.textContent = TAGS[row.kind];
    chance.textContent = row.probability === null ? "" : percent(row.probability, 1);
    button.textContent = excerpt(row.text, EXCERPT_LENGTH) || "(empty)";
    button.dir = "auto";
    reason.textContent = disagrees(row) ? `Label: ${row.given}` : row.reason;
  }

  function draw() {
    page = Math.max(0, Math.min(page, Math.ceil(arranged.length / ROWS_ON_PAGE) - 1));
    const from = page * ROWS_ON_PAGE;
    const shown = arranged.slice(from, from + ROWS_ON_PAGE);
    const body = byId("rows");
    while (body.children.length > shown.length) {
      body.lastChild.remove();
    }
    while (body.children.length < shown.length) {
      body.append(makeRow());
    }
    shown.forEach((row, i) => fillRow(body.children[i], row));
    byId("no-rows").hidden = shown.length > 0;
    byId("pages").hidden = arranged.length <= ROWS_ON_PAGE;
    byId("page").textContent = position();
    byId("previous").setAttribute("aria-disabled", String(page === 0));
    byId("next").setAttribute("aria-disabled", String(from + ROWS_ON_PAGE >= arranged.length));
  }

  function position() {
    const from = page * ROWS_ON_PAGE;
    const to = Math.min(from + ROWS_ON_PAGE, arranged.length);
    return `${number(Math.min(from + 1, to))}–${number(to)} of ${number(arranged.length)}`;
  }

  function show(newRows) {
    page = newRows === rows ? page : 0;
    rows = newRows;
    arranged = arrange(rows, view);
    const counts = tally(rows);
    for (const choice of byId("filter").querySelectorAll("label")) {
      const input = choice.querySelector("input");
      const count = FILTERS[input.value][1](counts, rows);
      choice.querySelector(".count").textContent = number(count);
      choice.hidden = count === 0 && !input.checked && ["unread", "disagreeing"].includes(input.value);
    }
    draw();
  }

  /** After a step of the visitor's. */
  function step(change) {
    Object.assign(view, change);
    page = 0;
    show(rows);
    announce(`Reviews ${position()}.`);
  }

  function turn(by) {
    const last = Math.ceil(arranged.length / ROWS_ON_PAGE) - 1;
    if (page + by >= 0 && page + by <= last) {
      page += by;
      draw();
      byId("list").scrollIntoView({ block: "start" });
      announce(`Reviews ${position()}.`);
    }
  }

  function sortBy(by) {
    for (const button of byId("list").querySelectorAll("th button")) {
      button.parentElement.removeAttribute("aria-sort");
    }
    const descending = view.by === by && !view.descending;
    byId("list")
      .querySelector(`th button[value="${by}"]`)
      .parentElement.setAttribute("aria-sort", descending ? "descending" : "ascending");
    step({ by, descending });
  }

  for (const [value, [name]] of Object.entries(FILTERS)) {
    const choice = element("label", "choice");
    const input = element("input", "unseen");
    Object.assign(input, { type: "radio", name: "show", value, checked: value === view.show });
    input.addEventListener("change", () => step({ show: value }));
    choice.append(input, `${name} `, element("span", "count"));
    byId("filter").append(choice);
  }
  for (const button of byId("list").querySelectorAll("th button")) {
    button.addEventListener("click", () => sortBy(button.value));
  }
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
  return { show };
}
