// One question to the server, and every way it can fail.

import { API } from "./config.js";
import { Problem, readAnswer } from "./view.js";

const TIMEOUT_MS = 30_000;

/** Parsed JSON, or undefined for anything else. */
function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

async function exchange(text, signal) {
  const response = await fetch(API, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ text, explain: true }),
    signal,
  });
  return { response, body: await response.text() };
}

/**
 * The checked answer for `text`. Throws a Problem, or the reason of `signal` where that aborted the
 * request.
 */
export async function ask(text, signal) {
  let result;
  try {
    result = await exchange(text, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  } catch (error) {
    signal.throwIfAborted();
    throw new Problem(error.name === "TimeoutError" ? "timeout" : "offline");
  }
  const { response, body } = result;
  const value = parse(body);
  if (response.ok) {
    return readAnswer(value, text);
  }
  const message = value?.error?.message;
  const isRefusal = 400 <= response.status && response.status < 500;
  throw new Problem(isRefusal ? "refused" : "failed", typeof message === "string" ? message : "");
}
