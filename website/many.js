// Many reviews: the page's second half. Words of the visitor and of the server enter it as text.

import { clock, run } from "./batch.js";
import { drawShares, drawSpread } from "./chart.js";
import { askMany } from "./client.js";
import { writeCsv } from "./csv.js";
import { byId } from "./dom.js";
import { startGathering } from "./gather.js";
import { startTable } from "./table.js";
import {
  agreement,
  answered,
  downloadName,
  failed,
  histogram,
  isOpen,
  number,
  percent,
  resultTable,
  reviews,
  tally,
  timeLeft,
  toRows,
} from "./tally.js";
import { Problem, problem } from "./view.js";

const DRAW_EVERY_MS = 200; // while answers come in

/** `explain(text, button)` is called for a review that the visitor chose from the table. */
export function startMany({ explain }) {
  const announce = (words) => {
    byId("many-status").textContent = words;
  };
  const gathering = startGathering({ announce });
  const table = startTable({ explain, announce });
  let name = "";
  let rows = [];
  let running = null; // AbortController of the run under way
  let progress = { done: 0, total: 0, since: 0, note: "", quarter: 0 };
  let drawing = 0; // timer of the next drawing

  function draw() {
    clearTimeout(drawing);
    drawing = 0;
    const counts = tally(rows);
    for (const kind of ["positive", "unsure", "negative"]) {
      byId(`${kind}-share`).textContent = percent(counts[kind], counts.read);
      byId(`${kind}-count`).textContent = number(counts[kind]);
    }
    byId("figures").hidden = counts.read === 0;
    drawShares(byId("shares"), counts);
    drawSpread(byId("spread"), histogram(rows));
    const { compared, agreed } = agreement(rows);
    byId("agreement").textContent =
      compared === 0
        ? ""
        : `Of ${reviews(compared)} with a label and a clear outcome, ${percent(agreed, compared)} ` +
          (compared === 1 ? "agrees." : "agree.");
    table.show(rows);
    if (running !== null) {
      drawProgress();
    }
  }

  function drawSoon() {
    drawing ||= setTimeout(draw, DRAW_EVERY_MS);
  }

  function drawProgress() {
    const { done, total, since, note } = progress;
    byId("progress").max = total;
    byId("progress").value = done;
    const quarter = Math.floor((4 * done) / total);
    if (quarter > progress.quarter) {
      progress.quarter = quarter;
      announce(`${25 * quarter}% read.`);
    }
    const left = timeLeft(done, total, clock.now() - since);
    byId("many-detail").textContent = [`${number(done)} of ${number(total)}`, left, note]
      .filter(Boolean)
      .join(" · ");
  }

  /** Show the heading and the buttons of one of the states: running, done, stopped or problem. */
  function setState(state, { headline, said = "", detail = "" }) {
    const open = rows.filter(isOpen).length;
    const hasFocus = document.activeElement === byId("cancel");
    byId("outcome").dataset.state = state;
    byId("outcome").setAttribute("aria-busy", String(state === "running"));
    byId("many-headline").textContent = headline;
    byId("many-said").textContent = said;
    byId("many-detail").textContent = detail;
    byId("progress").hidden = state !== "running";
    byId("cancel").hidden = state !== "running";
    byId("go-on").hidden = state === "running" || open === 0;
    byId("go-on").textContent = rows.some(({ kind }) => kind === "waiting")
      ? `Read the other ${number(open)}`
      : `Try ${number(open)} again`;
    byId("download").hidden = state === "running";
    byId("send-many").setAttribute("aria-disabled", String(state === "running"));
    byId("list").hidden = false;
    announce([`${headline}.`, said, detail].filter(Boolean).join(" "));
    if (hasFocus && state !== "running") {
      byId(open === 0 ? "download" : "go-on").focus();
    }
  }

  function finish(problemFound, wasCancelled) {
    const counts = tally(rows);
    const kept = `${number(counts.read)} of ${reviews(counts.total)} have been read and are kept.`;
    if (wasCancelled) {
      setState("stopped", { headline: "Stopped", detail: kept });
    } else if (problemFound !== null) {
      const { headline, said, advice } = problem(problemFound);
      setState("problem", { headline, said, detail: `${kept} ${advice}` });
    } else {
      const all = `${reviews(counts.total)} read`;
      const some = `${number(counts.read)} of ${reviews(counts.total)} read`;
      setState("done", {
        headline: counts.failed === 0 ? all : some,
        detail: counts.failed === 0 ? "" : "The list below says why the others could not be.",
      });
    }
    draw();
  }

  /** Ask about all rows that are open. */
  async function start() {
    const asked = rows.flatMap((row, i) => (isOpen(row) ? [i] : []));
    const controller = new AbortController();
    running = controller;
    progress = { done: 0, total: asked.length, since: clock.now(), note: "", quarter: 0 };
    const put = (position, change) => {
      const place = asked[position];
      rows[place] = change(rows[place]);
      progress.done += 1;
    };
    const events = {
      answered(positions, answers) {
        positions.forEach((position, i) => put(position, (row) => answered(row, answers[i])));
        progress.note = "";
        drawSoon();
      },
      failed(position, error) {
        put(position, (row) => failed(row, error));
        drawSoon();
      },
      waiting(error, ms) {
        progress.note = `${problem(error).headline}: waiting ${Math.ceil(ms / 1000)} s`;
        drawSoon();
      },
    };
    setState("running", { headline: `Reading ${reviews(asked.length)}` });
    draw();
    byId("cancel").scrollIntoView({ block: "nearest" });
    const texts = asked.map((place) => rows[place].text);
    let ended;
    try {
      ended = await run(texts, { send: askMany, clock, signal: controller.signal, events });
    } catch {
      ended = new Problem("malformed"); // not shown if the visitor cancelled
    }
    running = null;
    finish(ended, controller.signal.aborted);
  }

  function download() {
    const blob = new Blob([writeCsv(resultTable(rows))], { type: "text/csv" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = downloadName(name);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  byId("many-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const taken = running === null ? gathering.take() : null;
    if (taken !== null) {
      name = taken.name;
      rows = toRows(taken.records);
      start();
    }
  });
  byId("reviews").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      byId("many-form").requestSubmit();
    }
  });
  byId("cancel").addEventListener("click", () => running?.abort());
  byId("go-on").addEventListener("click", () => {
    start();
    byId("cancel").focus(); // in the place of this button
  });
  byId("download").addEventListener("click", download);
}
