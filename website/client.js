// Questions to the server, and every way they can fail.

import { API } from "./config.js";
import { Problem, readAnswer, readAnswers } from "./view.js";

const TIMEOUT_MS = 30_000;

/** Parsed JSON, or undefined for anything else. */
function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function kindOf(status) {
  if (status === 429 || status === 503) {
    return "busy";
  }
  if (status === 408 || status === 504) {
    return "timeout";
  }
  if ([400, 413, 422].includes(status)) {
    return "refused";
  }
  return status < 500 ? "setup" : "failed";
}

/** Milliseconds until the time that `Retry-After` names, in seconds or as a date; 0 without one. */
export function readRetryAfter(header, now) {
  const text = header?.trim() ?? "";
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return wait > 0 ? wait : 0;
}

async function exchange(payload, signal) {
  const response = await fetch(API, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(payload),
    signal,
  });
  return { response, body: await response.text() };
}

/**
 * The parsed answer to `payload`. Throws a Problem, or the reason of `signal` where that aborted the
 * request.
 */
async function post(payload, signal) {
  let result;
  try {
    result = await exchange(payload, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  } catch (error) {
    signal.throwIfAborted();
    throw new Problem(error.name === "TimeoutError" ? "timeout" : "offline");
  }
  const { response, body } = result;
  const value = parse(body);
  if (response.ok) {
    return value;
  }
  const message = value?.error?.message;
  throw new Problem(
    kindOf(response.status),
    typeof message === "string" ? message : "",
    readRetryAfter(response.headers.get("retry-after"), Date.now()),
  );
}

/** The checked answer for one text, with the words that told. Throws as `post` does. */
export async function ask(text, signal) {
  return readAnswer(await post({ text, explain: true }, signal), text);
}

/** The checked answers for several texts, in their order. Throws as `post` does. */
export async function askMany(texts, signal) {
  return readAnswers(await post({ instances: texts }, signal), texts);
}
