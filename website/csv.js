// CSV as RFC 4180 has it, read and written. Plain data in, plain data out.

/** A file of which nothing can be used. The message says where, why and what to do. */
export class Unreadable extends Error {}

const LINE_END = /\r\n|\r|\n/g;

function count(text, pattern) {
  return text.match(pattern)?.length ?? 0;
}

/** The quoted field that opens at `at`: its text and the place after it; null if it never closes. */
function quotedField(text, at) {
  let quote = text.indexOf('"', at + 1);
  while (quote !== -1 && text[quote + 1] === '"') {
    quote = text.indexOf('"', quote + 2);
  }
  return quote === -1
    ? null
    : { field: text.slice(at + 1, quote).replaceAll('""', '"'), end: quote + 1 };
}

/**
 * The records of a CSV text as `{ line, fields }`, where `line` is the number of the record's first
 * line. Throws Unreadable where the quotes are broken: nothing after that could be trusted.
 */
export function parseCsv(text, delimiter = ",") {
  const plainField = new RegExp(`[^${delimiter}\r\n]*`, "y");
  const records = [];
  let fields = [];
  let start = 1;
  let line = 1;
  let at = 0;
  while (at < text.length) {
    let field;
    if (text[at] === '"') {
      const found = quotedField(text, at);
      if (found === null) {
        throw new Unreadable(
          `A quote that opens on line ${line} is never closed. Close it and choose the file again.`,
        );
      }
      ({ field, end: at } = found);
      line += count(field, LINE_END);
    } else {
      plainField.lastIndex = at;
      [field] = plainField.exec(text);
      at += field.length;
    }
    fields.push(field);
    const next = text[at];
    if (next === delimiter) {
      at += 1;
      if (at < text.length) {
        continue;
      }
      fields.push(""); // the text ends in a delimiter
    } else if (next !== undefined && next !== "\r" && next !== "\n") {
      throw new Unreadable(
        `On line ${line} there is text after a closing quote. Double the quotes inside a text, ` +
          "and choose the file again.",
      );
    }
    records.push({ line: start, fields });
    at += next === "\r" && text[at + 1] === "\n" ? 2 : 1;
    line += 1;
    start = line;
    fields = [];
  }
  return records;
}

const ALIKE = 20; // rows that must agree before another mark than the comma is believed

/**
 * The records of a table. Spreadsheets write semicolons or tabs where the comma is a decimal point:
 * one of these is the delimiter where commas make no columns, and it makes the same number of them
 * in each of the first rows.
 */
export function parseTable(text) {
  const attempt = (mark) => {
    try {
      return { records: parseCsv(text, mark) };
    } catch (error) {
      return { error, records: [] };
    }
  };
  const width = ({ fields }) => fields.length;
  const plain = attempt(",");
  if (plain.records.length > 0 && width(plain.records[0]) > 1) {
    return plain.records;
  }
  for (const mark of [";", "\t"]) {
    const { records } = attempt(mark);
    const widths = new Set(records.slice(0, ALIKE).map(width));
    if (widths.size === 1 && !widths.has(1)) {
      return records;
    }
  }
  if (plain.error) {
    throw plain.error;
  }
  return plain.records;
}

// A spreadsheet runs a cell that begins like this as a formula, whoever wrote it; in East Asia also
// where the sign is in full width.
const FORMULA = /^[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/;

function cell(value) {
  const text = String(value);
  const safe = typeof value === "string" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Rows of texts and numbers as CSV. A text that a spreadsheet could take for a formula gets an
 * apostrophe in front. The mark at the start tells spreadsheets that this is UTF-8.
 */
export function writeCsv(rows) {
  return `\uFEFF${rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("")}`;
}
