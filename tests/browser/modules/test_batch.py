"""Batches, waiting and splitting, on a clock of the test's own: no request, and no second lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page

Call = Callable[..., Any]

# Runs `run` with a scripted server: `script` names what happens to the first requests in order
# (null is an answer), `poison` what happens to any with that text in it. A request takes 50 ms, and
# a text's answer is the text itself. Time stands still until nothing else can happen, and then
# leaps to the next sleeper.
HARNESS = """
async ({ texts, script = [], poison = {}, abortAt = Infinity }) => {
  const { run } = await import("/batch.js");
  const { Problem } = await import("/view.js");
  const controller = new AbortController();
  const requests = [];
  const answers = {};
  const failures = {};
  const waits = [];
  let sleepers = [];
  let now = 0;
  const clock = {
    now: () => now,
    random: () => 1,
    sleep: (ms, signal) => new Promise((resolve, reject) => {
      sleepers.push({ at: now + ms, resolve });
      signal.addEventListener("abort", () => reject(signal.reason));
    }),
  };
  async function send(sent, signal) {
    const request = { at: now, end: null, texts: sent };
    const fate = script[requests.push(request) - 1] ?? poison[sent.find((text) => poison[text])];
    await clock.sleep(50, signal);
    request.end = now;
    if (fate) {
      throw new Problem(fate.kind, fate.message, fate.retryAfter);
    }
    return sent;
  }
  const events = {
    answered: (positions, got) => positions.forEach((at, i) => { answers[at] = got[i]; }),
    failed: (position, problem) => { failures[position] = problem.kind; },
    waiting: (problem, ms) => waits.push([problem.kind, ms]),
  };
  let ended = null;
  const finished = run(texts, { send, clock, signal: controller.signal, events })
    .then((problem) => { ended = problem === null ? "done" : problem.kind; })
    .catch((reason) => { ended = reason.name; });
  while (ended === null) {
    await new Promise((resolve) => setTimeout(resolve));
    sleepers.sort((a, b) => b.at - a.at);
    const next = sleepers.pop();
    if (next?.at >= abortAt) {
      controller.abort();
    } else if (next) {
      now = Math.max(now, next.at);
      next.resolve();
    }
  }
  await finished;
  await new Promise((resolve) => setTimeout(resolve, 5)); // for what should not come any more
  return { requests, answers, failures, waits, ended };
}
"""


def run(blank: Page, texts: list[str], **options: object) -> dict[str, Any]:
    result: dict[str, Any] = blank.evaluate(HARNESS, {"texts": texts, **options})
    return result


def numbered(count: int) -> list[str]:
    return [f"review {i}" for i in range(count)]


def in_order(texts: list[str], but: tuple[int, ...] = ()) -> dict[str, str]:
    return {str(i): text for i, text in enumerate(texts) if i not in but}


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_at_most_a_hundred_reviews_go_together(
    call: Call, count: int, sizes: list[int]
) -> None:
    batches = call("batch.js", "plan", numbered(count))
    assert [len(batch) for batch in batches] == sizes
    assert [position for batch in batches for position in batch] == list(range(count))


@pytest.mark.parametrize("character", ["x", "🎬", "\n", "\x01"])
def test_a_request_keeps_within_its_bytes(blank: Page, character: str) -> None:
    batches = blank.evaluate(
        """async ([character, length, count]) => {
          const { plan } = await import("/batch.js");
          return plan(new Array(count).fill(character.repeat(length)));
        }""",
        [character, 20_000, 150])
    sizes = [len(json.dumps({"instances": [character * 20_000] * len(batch)}, ensure_ascii=False,
                            separators=(",", ":")).encode()) for batch in batches]
    assert max(sizes) <= 1_000_000
    assert sizes[0] * (1 + 1 / len(batches[0])) > 1_000_000  # and no smaller than need be


def test_every_answer_reaches_its_review(blank: Page) -> None:
    texts = numbered(1234)
    result = run(blank, texts)
    assert result["answers"] == in_order(texts)
    assert (result["ended"], result["failures"], result["waits"]) == ("done", {}, [])


def test_two_requests_at_a_time_and_eight_a_second(blank: Page) -> None:
    requests = run(blank, numbered(2000))["requests"]
    starts = [request["at"] for request in requests]
    assert min(b - a for a, b in pairwise(starts)) >= 125
    assert all(later["at"] >= earlier["end"]
               for earlier, later in zip(requests, requests[2:], strict=False))


@pytest.mark.parametrize("kind", ["busy", "offline"])
def test_retrying_waits_longer_each_time(blank: Page, kind: str) -> None:
    texts = numbered(50)
    result = run(blank, texts, script=[{"kind": kind}] * 6)
    assert [ms for _, ms in result["waits"]] == [1000, 2000, 4000, 8000, 16000, 30000]
    assert result["answers"] == in_order(texts)


def test_what_the_server_asks_to_wait_is_waited_by_all(blank: Page) -> None:
    texts = numbered(500)
    result = run(blank, texts, script=[None, {"kind": "busy", "retryAfter": 10_000}])
    asked_at = result["requests"][1]["end"]
    later = [request["at"] for request in result["requests"] if request["at"] > asked_at]
    assert min(later) >= asked_at + 10_000
    assert result["answers"] == in_order(texts)


@pytest.mark.parametrize(
    ("kind", "requests"), [("busy", 16), ("offline", 14), ("setup", 2)])
def test_a_server_that_stays_away_ends_the_run(blank: Page, kind: str, requests: int) -> None:
    result = run(blank, numbered(1000), script=[{"kind": kind}] * 100)
    assert result["ended"] == kind
    assert 1 <= len(result["requests"]) <= requests
    assert (result["answers"], result["failures"]) == ({}, {})


def test_a_wait_of_many_minutes_ends_the_run(blank: Page) -> None:
    result = run(blank, numbered(10), script=[{"kind": "busy", "retryAfter": 600_000}])
    assert (result["ended"], len(result["requests"])) == ("busy", 1)


@pytest.mark.parametrize(
    ("kind", "most"), [("refused", 18), ("failed", 26), ("malformed", 26), ("timeout", 26)])
@pytest.mark.parametrize("bad", [(0,), (57,), (99,), (40, 41), (299,)])
def test_a_review_at_fault_fails_alone(
    blank: Page, kind: str, most: int, bad: tuple[int, ...]
) -> None:
    texts = numbered(300)
    result = run(blank, texts, poison={texts[i]: {"kind": kind} for i in bad})
    assert result["failures"] == dict.fromkeys(map(str, bad), kind)
    assert result["answers"] == in_order(texts, bad)
    assert len(result["requests"]) <= 3 + len(bad) * most


@pytest.mark.parametrize("kind", ["refused", "failed", "malformed"])
def test_where_all_reviews_fail_it_is_not_the_reviews(blank: Page, kind: str) -> None:
    result = run(blank, numbered(10_000), script=[{"kind": kind}] * 20_000)
    assert result["ended"] == kind
    assert len(result["requests"]) <= 50


def test_one_failure_is_not_the_end_of_a_batch(blank: Page) -> None:
    texts = numbered(100)
    result = run(blank, texts, script=[{"kind": "failed"}])
    assert [len(request["texts"]) for request in result["requests"]] == [100, 100]
    assert result["answers"] == in_order(texts)


@pytest.mark.parametrize("script", [[], [{"kind": "busy", "retryAfter": 60_000}]])
def test_stopping_sends_nothing_more(blank: Page, script: list[object]) -> None:
    result = run(blank, numbered(2000), script=script, abortAt=1020)
    assert result["ended"] == "AbortError"
    assert max(request["at"] for request in result["requests"]) <= 1020
    assert len(result["answers"]) < 2000
    assert "malformed" not in dict(result["waits"])  # a dropped request is no failure


@pytest.mark.parametrize(
    ("attempts", "retry_after", "random", "ms"),
    [
        (1, 0, 0, 500),
        (1, 0, 1, 1000),
        (4, 0, 0, 4000),
        (9, 0, 1, 30_000),
        (1, 5000, 0, 5000),
        (1, 5000, 1, 5500),
        (5, 5000, 1, 16_000),
    ],
)
def test_waiting_grows_and_never_undercuts_the_server(
    call: Call, attempts: int, retry_after: int, random: float, ms: int
) -> None:
    assert call("batch.js", "waitBefore", attempts, retry_after, random) == ms


@pytest.mark.parametrize(
    ("header", "ms"),
    [
        ("5", 5000),
        (" 0 ", 0),
        ("Thu, 01 Jan 1970 00:00:20 GMT", 10_000),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(call: Call, header: str | None, ms: int) -> None:
    assert call("client.js", "readRetryAfter", header, 10_000) == ms
