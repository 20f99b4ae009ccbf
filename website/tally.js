// What many answers come to: counts, order, words. Plain data in, plain data out, and no page.
//
// A row is `{ number, line, text, given, kind, probability, reason, retry }`. `kind` is positive,
// unsure or negative for an answer, else waiting or failed; `retry` is whether it could go better.

import { UNSURE_TO, outcome, problem } from "./view.js";

export const BINS = 20; // of a histogram; 0.4 and 0.6 lie between two

/** Rows for the records of parse.js, in their order. */
export function toRows(records) {
  return records.map(({ line, text, given, problem: fault }, i) => ({
    number: i + 1,
    line,
    text,
    given,
    kind: fault === "" ? "waiting" : "failed",
    probability: null,
    reason: fault === "" ? "" : `Not sent: ${fault}`,
    retry: false,
  }));
}

export function answered(row, answer) {
  const { kind } = outcome(answer);
  return { ...row, kind, probability: answer.probability, reason: "", retry: false };
}

export function failed(row, error) {
  const { headline, said, retry } = problem(error);
  return { ...row, kind: "failed", reason: [headline, said].filter(Boolean).join(": "), retry };
}

/** Whether asking about a row makes sense. */
export function isOpen({ kind, retry }) {
  return kind === "waiting" || (kind === "failed" && retry);
}

/** How many rows there are of each kind; `read` have an answer. */
export function tally(rows) {
  const counts = { positive: 0, unsure: 0, negative: 0, failed: 0, waiting: 0 };
  for (const { kind } of rows) {
    counts[kind] += 1;
  }
  const read = counts.positive + counts.unsure + counts.negative;
  return { ...counts, read, total: rows.length };
}

/** How many probabilities lie in each of BINS equal parts. */
export function histogram(rows) {
  const bins = new Array(BINS).fill(0);
  for (const { probability } of rows) {
    if (probability !== null) {
      // What lies on a border belongs to the middle, as with the outcomes.
      const at = probability * BINS;
      bins[Math.min(BINS - 1, probability > 0.5 ? Math.ceil(at) - 1 : Math.floor(at))] += 1;
    }
  }
  return bins;
}

/** The outcome that a bin's probabilities have. */
export function kindOfBin(bin) {
  const fromMiddle = Math.abs((bin + 0.5) / BINS - 0.5);
  return fromMiddle < UNSURE_TO - 0.5 ? "unsure" : bin < BINS / 2 ? "negative" : "positive";
}

const isClear = (kind) => kind === "positive" || kind === "negative";
const isCompared = ({ given, kind }) => isClear(given) && isClear(kind);

/** Whether a row's label and its clear outcome differ. */
export function disagrees(row) {
  return isCompared(row) && row.given !== row.kind;
}

/** Of the rows with a label and a clear outcome, how many agree. */
export function agreement(rows) {
  const compared = rows.filter(isCompared);
  return { compared: compared.length, agreed: compared.filter((row) => !disagrees(row)).length };
}

const SHOWN = {
  all: () => true,
  unread: ({ kind }) => kind === "failed" || kind === "waiting",
  disagreeing: disagrees,
};
const RANK = { positive: 0, unsure: 1, negative: 2, failed: 3, waiting: 4 };
const collator = new Intl.Collator(undefined, { numeric: true });
const COMPARE = {
  number: (a, b) => a.number - b.number,
  kind: (a, b) => RANK[a.kind] - RANK[b.kind],
  probability: (a, b) => a.probability - b.probability,
  text: (a, b) => collator.compare(a.text, b.text),
};

/**
 * Rows for the table: those of kind `show` (or `all`, `unread` or `disagreeing`), sorted by number,
 * kind, probability or text. Rows without a probability come last whichever way that is sorted.
 */
export function arrange(rows, { show, by, descending }) {
  const isShown = SHOWN[show] ?? (({ kind }) => kind === show);
  const kept = rows.filter(isShown);
  const sign = descending ? -1 : 1;
  const isBare = ({ probability }) => by === "probability" && probability === null;
  return kept.sort(
    (a, b) => isBare(a) - isBare(b) || sign * COMPARE[by](a, b) || a.number - b.number,
  );
}

/** A share in whole percent; neither none nor all is claimed where it is only nearly so. */
export function percent(part, whole) {
  if (whole === 0 || part === 0) {
    return "0%";
  }
  const share = (100 * part) / whole;
  if (part < whole && share > 99) {
    return ">99%";
  }
  return share < 1 ? "<1%" : `${Math.round(share)}%`;
}

export const number = (count) => count.toLocaleString("en");

/** "1 review", "1,200 reviews". */
export function reviews(count) {
  return `${number(count)} ${count === 1 ? "review" : "reviews"}`;
}

/** How long the rest will take, in words; "" while nobody can tell. */
export function timeLeft(done, total, elapsedMs) {
  if (done === 0 || elapsedMs < 2000 || done >= total) {
    return "";
  }
  const seconds = (elapsedMs / 1000 / done) * (total - done);
  if (seconds < 60) {
    const rounded = Math.max(5, Math.ceil(seconds / 5) * 5);
    return `about ${rounded} seconds left`;
  }
  const minutes = Math.round(seconds / 60);
  return minutes === 1 ? "about a minute left" : `about ${number(minutes)} minutes left`;
}

const OUTCOMES = {
  positive: "positive",
  unsure: "could not tell",
  negative: "negative",
  failed: "not read",
  waiting: "not read",
};

/** The whole result as rows of cells, one for each review in its first order. */
export function resultTable(rows) {
  const hasLabels = rows.some(({ given }) => given !== "");
  const head = ["number", "line", "review", "outcome", "probability", "reason"];
  const cells = rows.map((row) => {
    const reason = row.kind === "waiting" ? "Not sent yet" : row.reason;
    const all = [row.number, row.line, row.text, OUTCOMES[row.kind], row.probability ?? "", reason];
    return hasLabels ? [...all, isClear(row.given) ? row.given : ""] : all;
  });
  return [hasLabels ? [...head, "label"] : head, ...cells];
}

/** A name for the download, after the file that was read. */
export function downloadName(source) {
  const stem = source.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._ -]+/gu, "").trim().slice(0, 80);
  return `${stem === "" ? "reviews" : stem}-sentiment.csv`;
}
