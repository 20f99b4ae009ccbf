// From a file or a pasted text to reviews. Plain data in, plain data out, and no page.
//
// A record is `{ line, text, given, problem }`: where it begins, the review, the label that came
// with it (positive, negative, "unknown" for any other, "" for none), and why it cannot be sent (""
// if it can). No record is dropped: one with a problem keeps its place.

import { Unreadable, parseTable } from "./csv.js";

export const MOST_REVIEWS = 10_000;
export const MOST_CHARACTERS = 20_000; // of one review; the same as in lambda/README.md
export const MOST_BYTES = 50_000_000; // of a file

const TEXT_NAMES = ["text", "review"];
const LABEL_NAMES = ["label", "sentiment"];
const LABELS = new Map([
  ...["0", "0.0", "neg", "negative"].map((name) => [name, "negative"]),
  ...["1", "1.0", "pos", "positive"].map((name) => [name, "positive"]),
]);
const KNOWN_NAMES = [...TEXT_NAMES, ...LABEL_NAMES];
const NAME = /^[\p{L}_][\p{L}\p{N}_ .-]{0,30}$/u; // like a column's name
const NAME_TO_TEXT = 3; // a text is that much longer than the name above it
const LOOK_AT = 200; // rows that are enough to guess by

/** The text of a file. Throws Unreadable if it is none. */
export function decode(bytes) {
  const mark = (bytes[0] << 8) | bytes[1];
  const encoding = mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : "utf-8";
  let text;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new Unreadable(
      `Line ${undecodableLine(bytes)} is not UTF-8. Save the file as UTF-8 (in Excel: “CSV UTF-8”) ` +
        "and choose it again.",
    );
  }
  if (text.includes("\0")) {
    throw new Unreadable("This is not a text file. Choose a .txt, .csv or .jsonl file.");
  }
  return text;
}

function undecodableLine(bytes) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  for (let from = 0; ; line += 1) {
    const end = bytes.indexOf(10, from);
    try {
      decoder.decode(bytes.subarray(from, end === -1 ? undefined : end));
    } catch {
      return line;
    }
    if (end === -1) {
      return line;
    }
    from = end + 1;
  }
}

/** txt, csv or jsonl, by the file's name. Throws Unreadable for any other. */
export function kindOf(name) {
  const kind = name.toLowerCase().match(/\.(txt|csv|jsonl)$/)?.[1];
  if (kind === undefined) {
    throw new Unreadable("Files may be .txt, .csv or .jsonl. Save it as one of these.");
  }
  return kind;
}

function record(line, text, given = "", problem = "") {
  const isLong = text.length > MOST_CHARACTERS && Array.from(text).length > MOST_CHARACTERS;
  const long = `longer than ${MOST_CHARACTERS.toLocaleString("en")} characters`;
  return { line, text, given, problem: problem || (isLong ? long : "") };
}

const plain = (name) => name.trim().toLowerCase();
const isBlank = (text) => text.trim() === "";

function lines(text) {
  const all = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  if (all.at(-1) === "") {
    all.pop(); // the last line's own end
  }
  return all.map((content, i) => ({ line: i + 1, content }));
}

/** One review a line. Gives `records` and the numbers of the `blank` lines. */
export function readLines(text) {
  const all = lines(text);
  return {
    records: all
      .filter(({ content }) => !isBlank(content))
      .map(({ line, content }) => record(line, content)),
    blank: all.filter(({ content }) => isBlank(content)).map(({ line }) => line),
  };
}

function label(value) {
  const name = plain(String(value ?? ""));
  return name === "" ? "" : (LABELS.get(name) ?? "unknown");
}

function jsonRecord(line, content) {
  let value;
  try {
    value = JSON.parse(content);
  } catch {
    return record(line, content, "", "not JSON");
  }
  const pick = (names) => names.map((name) => value?.[name]).find((found) => found !== undefined);
  const text = typeof value === "string" ? value : pick(TEXT_NAMES);
  if (typeof text !== "string") {
    return record(line, content, "", "JSON without a “text” or a “review”");
  }
  return record(line, text, label(pick(LABEL_NAMES)), isBlank(text) ? "an empty text" : "");
}

/** A string or an object with a `text` or a `review` a line. Gives the same as readLines. */
export function readJsonLines(text) {
  const { records, blank } = readLines(text);
  return { records: records.map(({ line, text: content }) => jsonRecord(line, content)), blank };
}

/** The table in a CSV text: its rows as parseCsv gives them, and a guess at what they mean. */
export function readTable(text) {
  const rows = parseTable(text.replace(/^\uFEFF/, ""));
  return { rows, layout: guessLayout(rows.filter(({ fields }) => !fields.every(isBlank))) };
}

const isNumber = (text) => !isBlank(text) && Number.isFinite(Number(text));

/** The column with the most text. */
function longestColumn(rows) {
  const lengths = (rows[0] ?? []).map((_, i) =>
    rows.reduce((sum, row) => sum + (row[i]?.length ?? 0), 0),
  );
  return Math.max(0, lengths.indexOf(Math.max(...lengths)));
}

/**
 * Whether the first row names the columns: by a name that we know, by standing above numbers, or by
 * names that are much shorter than the texts below them.
 */
function isHeader(first, sample) {
  const isNumeric = (i) => sample.length > 0 && sample.every((row) => isNumber(row[i] ?? ""));
  if (first.some((name, i) => KNOWN_NAMES.includes(name) || (!isNumber(name) && isNumeric(i)))) {
    return true;
  }
  const i = longestColumn(sample);
  const length = sample.reduce((sum, row) => sum + (row[i]?.length ?? 0), 0) / sample.length;
  const areNames = first.every((name) => NAME.test(name) && !LABELS.has(name));
  return first.length > 1 && areNames && length >= NAME_TO_TEXT * first[i]?.length;
}

/** `header`: does the first row hold names; `text` and `label`: columns, where -1 is none. */
function guessLayout(rows) {
  const [first = [], ...sample] = rows.slice(0, LOOK_AT).map(({ fields }) => fields);
  const names = first.map(plain);
  const header = isHeader(names, sample);
  const find = (wanted) => wanted.map((name) => names.indexOf(name)).find((i) => i !== -1) ?? -1;
  const named = header ? find(TEXT_NAMES) : -1;
  return {
    header,
    text: named === -1 ? longestColumn(header ? sample : [first, ...sample]) : named,
    label: header ? find(LABEL_NAMES) : -1,
  };
}

/** Names for the columns, to choose by. */
export function columnNames({ rows }, { header }) {
  const first = rows.find(({ fields }) => !fields.every(isBlank))?.fields ?? [];
  return first.map((name, i) => (header && !isBlank(name) ? name.trim() : `column ${i + 1}`));
}

/** The reviews of a table, read by a layout. Gives the same as readLines. */
export function readRows({ rows }, layout) {
  const filled = rows.filter(({ fields }) => !fields.every(isBlank));
  const width = filled[0]?.fields.length ?? 0;
  const records = filled.slice(layout.header ? 1 : 0).map(({ line, fields }) => {
    if (fields.length !== width) {
      const problem = `not ${width} columns as in the first row; put texts with commas in quotes`;
      return record(line, fields.join(","), "", problem);
    }
    const text = fields[layout.text];
    return record(line, text, label(fields[layout.label]), isBlank(text) ? "an empty text" : "");
  });
  const blank = rows.filter(({ fields }) => fields.every(isBlank)).map(({ line }) => line);
  return { records, blank };
}

const number = (count) => count.toLocaleString("en");

function listed(places) {
  const shown = places.slice(0, 5).map(number).join(", ");
  const more = places.length > 5 ? ` and ${number(places.length - 5)} more` : "";
  return `${places.length === 1 ? "Line" : "Lines"} ${shown}${more}`;
}

/**
 * The reviews to work on, at most MOST_REVIEWS, and sentences on everything that is not as one would
 * expect.
 */
export function prepare({ records, blank }) {
  const kept = records.slice(0, MOST_REVIEWS);
  const remarks = [];
  const remark = (found, what) => {
    if (found.length > 0) {
      remarks.push(`${listed(found)}${what}.`);
    }
  };
  if (kept.length < records.length) {
    remarks.push(
      `Of ${number(records.length)} reviews, the first ${number(MOST_REVIEWS)} are taken. Put those ` +
        `from line ${number(records[MOST_REVIEWS].line)} on into another file.`,
    );
  }
  remark(blank, ": blank, left out");
  const linesWhere = (matches) => kept.filter(matches).map(({ line }) => line);
  for (const problem of new Set(kept.map((one) => one.problem).filter(Boolean))) {
    remark(linesWhere((one) => one.problem === problem), `, not sent: ${problem}`);
  }
  remark(
    linesWhere(({ given }) => given === "unknown"),
    ": the label is not one of 0, 1, neg, pos, negative and positive, so it is not compared",
  );
  return { records: kept, remarks };
}
