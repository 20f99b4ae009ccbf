// One review: the page's first half. Words of the visitor and of the server enter it as text.

import { ask } from "./client.js";
import { byId, element } from "./dom.js";
import { Problem, excerpt, outcome, pieces, problem, strongest } from "./view.js";

const HISTORY_LENGTH = 12;

const form = byId("form");
const review = byId("review");
const result = byId("result");
const history = [];
let running = null;

/** Switch the result to one of its states: idle, busy, answer or problem. */
function setState(state, spoken) {
  result.dataset.state = state;
  result.setAttribute("aria-busy", String(state === "busy"));
  byId("send").textContent = state === "busy" ? "Reading …" : "Read it";
  byId("status").textContent = spoken;
}

function markedText(text, words) {
  return pieces(text, words).map((piece) => {
    if (!piece.way) {
      return document.createTextNode(piece.text);
    }
    const node = element("mark", piece.way, piece.text);
    node.title = piece.amount;
    node.style.setProperty("--strength", piece.strength.toFixed(3));
    return node;
  });
}

function wordList(words) {
  if (words.length === 0) {
    return [element("li", "none", "no word")];
  }
  return words.map(({ word, amount }) => {
    const node = element("li");
    node.append(element("bdi", "word", word), " ", element("span", "amount", amount));
    return node;
  });
}

function showAnswer({ text, answer }) {
  const { kind, headline, detail } = outcome(answer);
  const { positive, negative } = strongest(text, answer.words);
  result.dataset.outcome = kind;
  byId("headline").textContent = headline;
  byId("detail").textContent = detail;
  byId("marker").style.setProperty("--at", answer.probability.toFixed(4));
  byId("text").replaceChildren(...markedText(text, answer.words));
  byId("positive-words").replaceChildren(...wordList(positive));
  byId("negative-words").replaceChildren(...wordList(negative));
  byId("explanation").hidden = answer.words.length === 0;
  setState("answer", `${headline}. ${detail}.`);
  byId("verdict").scrollIntoView({ block: "nearest" });
}

function showProblem(error) {
  const { headline, said, advice, retry } = problem(error);
  byId("problem-headline").textContent = headline;
  byId("problem-said").textContent = said;
  byId("problem-advice").textContent = advice;
  byId("again").hidden = !retry;
  setState("problem", [`${headline}.`, said, advice].filter(Boolean).join(" "));
  byId("problem-headline").scrollIntoView({ block: "nearest" });
}

function remember(entry) {
  history.unshift(entry);
  history.length = Math.min(history.length, HISTORY_LENGTH);
  const items = history.map((past) => {
    const { kind, headline } = outcome(past.answer);
    const button = element("button");
    button.type = "button";
    const words = element("span", "excerpt", excerpt(past.text));
    words.dir = "auto";
    button.append(element("span", `tag ${kind}`, headline), words);
    button.addEventListener("click", () => recall(past));
    const item = element("li");
    item.append(button);
    return item;
  });
  byId("history-list").replaceChildren(...items);
  byId("history").hidden = false;
}

/** Drop the request under way, if any: its answer is no longer asked for. */
function supersede() {
  running?.abort();
  running = new AbortController();
  return running.signal;
}

function recall(past) {
  supersede();
  review.value = past.text;
  showAnswer(past);
}

async function submit() {
  const text = review.value;
  const signal = supersede();
  if (text.trim() === "") {
    showProblem(new Problem("empty"));
    review.focus();
    return;
  }
  setState("busy", "Reading the review.");
  try {
    const entry = { text, answer: await ask(text, signal) };
    signal.throwIfAborted();
    showAnswer(entry);
    remember(entry);
  } catch (error) {
    if (signal.aborted) {
      return;
    }
    showProblem(error instanceof Problem ? error : new Problem("malformed"));
  }
}

/** Put a review into the form and ask about it. */
export function readOne(text) {
  review.value = text;
  submit();
}

export function startOne() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  review.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  byId("again").addEventListener("click", () => {
    submit();
    result.focus(); // the button is gone
  });
  for (const example of byId("examples").querySelectorAll("button")) {
    example.addEventListener("click", () => readOne(example.value));
  }
}
