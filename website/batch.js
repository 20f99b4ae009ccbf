// Many texts to the server: in batches, a few at a time, and patient. It knows no page and no
// network: sending and the clock are given.

import { Problem } from "./view.js";

// One request's limits are those of lambda/README.md; its template allows ten requests a second.
const MOST_TEXTS = 100;
const MOST_BYTES = 1_000_000;
const AT_ONCE = 2;
const APART_MS = 125;

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const PATIENCE_MS = 120_000; // a server that asks for more is not there today

// How often a batch is tried on each kind of failure, and what then: `split` it, so that the text at
// fault ends alone, or `stop`, because every other batch would fare the same.
const POLICY = {
  busy: { attempts: 8, then: "stop" },
  offline: { attempts: 7, then: "stop" },
  setup: { attempts: 1, then: "stop" },
  refused: { attempts: 1, then: "split" },
  timeout: { attempts: 2, then: "split" },
  failed: { attempts: 2, then: "split" },
  malformed: { attempts: 2, then: "split" },
};
// Batches given up in a row, with no answer in between: it is not the texts. One text at fault makes
// eight, while its hundred are halved.
const MOST_IN_A_ROW = 24;

const encoder = new TextEncoder();
const WRAPPER_BYTES = encoder.encode('{"instances":[]}').length;

/** Positions of `texts` in batches that keep both limits, in order. */
export function plan(texts) {
  const batches = [];
  let bytes = Infinity;
  texts.forEach((text, position) => {
    const size = encoder.encode(JSON.stringify(text)).length + 1;
    if (bytes + size > MOST_BYTES || batches.at(-1).length === MOST_TEXTS) {
      batches.push([]);
      bytes = WRAPPER_BYTES;
    }
    batches.at(-1).push(position);
    bytes += size;
  });
  return batches;
}

/** The browser's own clock. `sleep` rejects with the signal's reason. */
export const clock = {
  now: () => performance.now(),
  random: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const abort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", abort);
        resolve();
      }, ms);
      signal.addEventListener("abort", abort, { once: true });
    }),
};

/** Milliseconds before attempt number `attempts` + 1. Chance keeps clients from coming all at once. */
export function waitBefore(attempts, retryAfter, random) {
  const backoff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempts - 1));
  return Math.max(backoff * (0.5 + random / 2), retryAfter + (retryAfter > 0 ? 500 * random : 0));
}

/**
 * Ask for all `texts`. `send(texts, signal)` gives their answers or throws a Problem.
 *
 * `events`: `answered(positions, answers)`, `failed(position, problem)` for a text that is given up,
 * and `waiting(problem, ms)` before everything pauses.
 *
 * Returns null when every text has been answered or given up, or the Problem that ended it before.
 * Rejects with the reason of `signal` when that is aborted.
 */
export async function run(texts, { send, clock, signal, events }) {
  const queue = plan(texts).map((positions) => ({ positions, kind: "", attempts: 0 }));
  let free = clock.now(); // no request starts before this time
  let inARow = 0;
  let stopped = null;

  async function turn() {
    while (clock.now() < free) {
      await clock.sleep(free - clock.now(), signal);
    }
    free = clock.now() + APART_MS;
  }

  function giveUp({ positions }, problem) {
    inARow += 1;
    if (POLICY[problem.kind].then === "stop" || inARow === MOST_IN_A_ROW) {
      stopped ??= problem;
    } else if (positions.length === 1) {
      events.failed(positions[0], problem);
    } else {
      const half = Math.ceil(positions.length / 2);
      for (const part of [positions.slice(half), positions.slice(0, half)]) {
        queue.unshift({ positions: part, kind: "", attempts: 0 });
      }
    }
  }

  function retryOrGiveUp(batch, problem) {
    const attempts = batch.kind === problem.kind ? batch.attempts + 1 : 1;
    const isLast = attempts >= POLICY[problem.kind].attempts;
    if (isLast || problem.retryAfter > PATIENCE_MS) {
      giveUp(batch, problem);
      return;
    }
    queue.unshift({ ...batch, kind: problem.kind, attempts });
    const ms = waitBefore(attempts, problem.retryAfter, clock.random());
    free = Math.max(free, clock.now() + ms);
    events.waiting(problem, ms);
  }

  async function attempt(batch) {
    const { positions } = batch;
    let answers;
    try {
      answers = await send(positions.map((position) => texts[position]), signal);
    } catch (error) {
      signal.throwIfAborted();
      retryOrGiveUp(batch, error instanceof Problem ? error : new Problem("malformed"));
      return;
    }
    signal.throwIfAborted();
    inARow = 0;
    events.answered(positions, answers);
  }

  async function lane() {
    while (queue.length > 0 && stopped === null) {
      await turn();
      if (queue.length > 0 && stopped === null) {
        await attempt(queue.shift());
      }
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return stopped;
}
