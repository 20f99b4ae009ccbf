"""Accuracy of a running `serve` on labelled reviews: `evaluate.py PLACE`.

PLACE is a folder or archive in any layout that training reads; where there are train and test, the
test reviews are taken. They are sent as JSON Lines in batches, and some of them once more one by
one as plain text, the way the course project's page does it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "container"))

from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from contract.running.progress import Progress
from sentiment.reviews.dataset import Reviews, read_reviews


class Endpoint:
    """One keep-alive connection to `serve`."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=70)

    def wait(self, seconds: float) -> None:
        """Raises UserError: no healthy answer to a ping within `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._connection.request("GET", "/ping")
                response = self._connection.getresponse()
                response.read()
                if response.status == 200:
                    return
            except (OSError, http.client.HTTPException):
                self._connection.close()
            if time.monotonic() > deadline:
                raise UserError(f"no healthy endpoint within {seconds:g} seconds; start serve")
            time.sleep(0.5)

    def invoke(self, body: bytes, content_type: str) -> bytes:
        """Raises UserError: the answer is not 200; the message is the server's."""
        self._connection.request("POST", "/invocations", body, {"Content-Type": content_type})
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise UserError(f"status {response.status}: {content.decode(errors='replace')[:300]}")
        return content


def evaluate_batches(endpoint: Endpoint, reviews: Reviews, size: int) -> dict[str, float]:
    """Accuracy and counts over all reviews, sent `size` at a time."""
    predicted: list[int] = []
    begun = time.monotonic()
    with Progress("evaluating", len(reviews), "reviews") as progress:
        for at in range(0, len(reviews), size):
            texts = reviews.texts[at:at + size]
            body = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
            lines = endpoint.invoke(body, "application/jsonlines").splitlines()
            predicted += [int(json.loads(line)["label"] == "positive") for line in lines]
            progress.advance(len(texts))
    pairs = list(zip(predicted, reviews.labels, strict=True))
    return {
        "reviews": len(pairs), "accuracy": sum(a == b for a, b in pairs) / len(pairs),
        "true_positive": pairs.count((1, 1)), "false_positive": pairs.count((1, 0)),
        "true_negative": pairs.count((0, 0)), "false_negative": pairs.count((0, 1)),
        "reviews_per_second": len(pairs) / (time.monotonic() - begun)}


def evaluate_singly(endpoint: Endpoint, reviews: Reviews, count: int) -> dict[str, float]:
    """Accuracy and median latency in ms, one by one.

    Half of the `count` reviews are the first positive ones and half the first negative ones, as the
    course project takes them for its own figure.
    """
    rows = [row for label in (1, 0) for row in
            [row for row, found in enumerate(reviews.labels) if found == label][:count // 2]]
    right, milliseconds = 0, []
    for row in rows:
        begun = time.monotonic()
        answer = endpoint.invoke(reviews.texts[row].encode(), "text/plain")
        milliseconds.append((time.monotonic() - begun) * 1000)
        right += int(answer) == reviews.labels[row]
    return {"reviews": len(rows), "accuracy": right / len(rows),
            "median_ms": statistics.median(milliseconds)}


def read(place: Path, half: str = "test") -> Reviews:
    """The labelled reviews of a folder or archive; `half` chooses where it has train and test.

    Raises:
        UserError: there is nothing that can be used.
    """
    inside = place / half  # tables are read wherever they lie, so those of the other half too
    with channel(inside if inside.is_dir() else place, half) as opened:
        return read_reviews(opened)


@contextmanager
def channel(place: Path, half: str = "test") -> Iterator[Channel]:
    """A folder, or a single file, as a channel of training."""
    with tempfile.TemporaryDirectory() as folder:
        if place.is_file():
            (Path(folder) / place.name).symlink_to(place.resolve())
        yield Channel(half, place if place.is_dir() else Path(folder))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures as JSON; returns the exit status."""
    parser = argparse.ArgumentParser(prog="evaluate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", type=Path, help="folder or archive with labelled reviews")
    parser.add_argument("--endpoint", default="http://127.0.0.1:8080", help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=512, help="reviews per request (%(default)s)")
    parser.add_argument("--singly", type=int, default=500,
                        help="reviews sent one by one as text/plain (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        reviews = read(options.place)
        endpoint = Endpoint(options.endpoint)
        endpoint.wait(seconds=30)
        batches = evaluate_batches(endpoint, reviews, options.batch)
        singly = evaluate_singly(endpoint, reviews, options.singly)
    except (UserError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"batches": batches, "singly": singly}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
