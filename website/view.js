// What to show for an answer or a failure: plain data in, plain data out, and no page.

/** Between these probabilities, both included, the model could not tell. */
export const UNSURE_FROM = 0.4;
export const UNSURE_TO = 0.6;

const SMALLEST_SHOWN = 0.005; // log-odds; less would be listed as 0.00

/**
 * A failed request. `kind`: empty, offline, timeout, busy (429, 503), refused (the review is at
 * fault), setup (any other 4xx), failed (5xx) or malformed. `retryAfter` is in milliseconds.
 */
export class Problem extends Error {
  constructor(kind, message = "", retryAfter = 0) {
    super(message);
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}

function isWord(word, length) {
  return (
    typeof word === "object" &&
    word !== null &&
    Number.isInteger(word.start) &&
    Number.isInteger(word.end) &&
    0 <= word.start &&
    word.start < word.end &&
    word.end <= length &&
    Number.isFinite(word.contribution)
  );
}

function readWords(words, text) {
  if (words === undefined || words === null) {
    return [];
  }
  const length = Array.from(text).length;
  if (!Array.isArray(words) || !words.every((word) => isWord(word, length))) {
    throw new Problem("malformed");
  }
  const sorted = words.toSorted((a, b) => a.start - b.start);
  if (sorted.some((word, i) => i > 0 && word.start < sorted[i - 1].end)) {
    throw new Problem("malformed");
  }
  return sorted;
}

/**
 * Check the server's answer about `text` and take from it what is shown. Throws a Problem unless it
 * is sound all through: half an answer must never look like a verdict.
 */
export function readAnswer(value, text) {
  const { label, probability, words } = value ?? {};
  const isProbability = Number.isFinite(probability) && 0 <= probability && probability <= 1;
  if (!isProbability || (label !== "positive" && label !== "negative")) {
    throw new Problem("malformed");
  }
  // At exactly one half either label is fair.
  if (probability !== 0.5 && (label === "positive") !== probability > 0.5) {
    throw new Problem("malformed");
  }
  return { label, probability, words: readWords(words, text) };
}

/** The answers about several texts, in their order. Throws a Problem unless all are sound. */
export function readAnswers(value, texts) {
  const answers = value?.predictions;
  if (!Array.isArray(answers) || answers.length !== texts.length) {
    throw new Problem("malformed");
  }
  return answers.map((answer, i) => readAnswer(answer, texts[i]));
}

function percent(share) {
  // Rounding up to 100% would claim a certainty that no model has.
  return share > 0.99 ? "more than 99%" : `${Math.round(share * 100)}%`;
}

/** The verdict in words. `kind`: positive, negative or unsure. */
export function outcome({ label, probability }) {
  const share = label === "positive" ? probability : 1 - probability;
  const likely = `${percent(share)} likely to be ${label}`;
  if (UNSURE_FROM <= probability && probability <= UNSURE_TO) {
    return { kind: "unsure", headline: "Could not tell", detail: `Leans ${label}: ${likely}` };
  }
  const headline = label === "positive" ? "Positive" : "Negative";
  return { kind: label, headline, detail: likely[0].toUpperCase() + likely.slice(1) };
}

const wayOf = (contribution) => (contribution < 0 ? "negative" : "positive");

/** A contribution as text, with a true minus sign. */
export function signed(contribution) {
  return (contribution < 0 ? "\u2212" : "+") + Math.abs(contribution).toFixed(2);
}

/**
 * The whole text in order, as pieces. A word that counted has a `way` (positive or negative) and a
 * `strength` from 0 to 1, relative to the strongest word; the text between has neither.
 * Offsets count code points, as Python does; JavaScript's own indices count UTF-16 units.
 */
export function pieces(text, words) {
  const points = Array.from(text);
  const slice = (from, to) => points.slice(from, to).join("");
  const largest = words.reduce((most, word) => Math.max(most, Math.abs(word.contribution)), 0);
  const result = [];
  let at = 0;
  for (const { start, end, contribution } of words) {
    if (contribution === 0) {
      continue;
    }
    if (at < start) {
      result.push({ text: slice(at, start) });
    }
    result.push({
      text: slice(start, end),
      way: wayOf(contribution),
      strength: Math.abs(contribution) / largest,
      amount: signed(contribution),
    });
    at = end;
  }
  if (at < points.length) {
    result.push({ text: slice(at) });
  }
  return result;
}

/**
 * The words that counted most each way, strongest first. A word that stands twice can be here twice:
 * each place has a contribution of its own, and these do not add up.
 */
export function strongest(text, words, limit = 5) {
  const points = Array.from(text);
  const ranked = words
    .filter(({ contribution }) => Math.abs(contribution) >= SMALLEST_SHOWN)
    .toSorted((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const pick = (way) =>
    ranked
      .filter(({ contribution }) => wayOf(contribution) === way)
      .slice(0, limit)
      .map(({ start, end, contribution }) => ({
        word: points.slice(start, end).join(""),
        amount: signed(contribution),
      }));
  return { positive: pick("positive"), negative: pick("negative") };
}

const PROBLEMS = {
  empty: ["Nothing to read yet", "Write or paste a review, or pick an example."],
  offline: ["No connection", "The server could not be reached. Check your network and try again."],
  timeout: ["That took too long", "No answer came in time. Try again in a moment."],
  busy: ["The server is not ready", "Nothing is wrong with the text. Try again in a few seconds."],
  refused: ["The review was not accepted", "Change the review and try again."],
  setup: ["This page is not set up right", "Nothing is wrong with the text. Tell whoever runs this page."],
  failed: ["The server has a problem", "Nothing is wrong with the text. Try again in a moment."],
  malformed: ["The answer made no sense", "So there is no verdict to show. Try again in a moment."],
};

/**
 * What went wrong and what to do about it. `said` is the server's own message, if it had one;
 * `retry` is whether the same review could succeed later.
 */
export function problem({ kind, message }) {
  const [headline, advice] = PROBLEMS[kind];
  return { headline, advice, said: message, retry: !["empty", "refused", "setup"].includes(kind) };
}

/** The first words of a text, for a list. */
export function excerpt(text, length = 70) {
  const points = Array.from(text.replace(/\s+/gu, " ").trim());
  return points.length <= length ? points.join("") : `${points.slice(0, length - 1).join("")}…`;
}
