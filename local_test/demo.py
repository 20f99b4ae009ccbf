"""The whole thing on a laptop: `make demo`. No Docker, no AWS, nothing left behind.

Starts the real `serve` on the bundled model in `model/`, and a page to try it, with the real Lambda
handler between the two. With `--reviews N` it trains a model first, with the real `train` on a
generated corpus in a scratch tree. API Gateway, Lambda and SageMaker's runtime are stand-ins, for
trying and testing only. Ctrl-C ends all.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import corpus
import gateway

ROOT = Path(__file__).resolve().parent.parent
BUNDLED_MODEL = ROOT / "model"
"""An artifact that is committed with the code; see its card."""

# Many steps, because a generated corpus is small.
HYPERPARAMETERS = {"batch_size": "64"}

EXAMPLE = "The plot is thin, but the acting is superb and I left the cinema smiling."

START_SECONDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until it is interrupted; returns the exit status."""
    options = _options(arguments)
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1"  # all that is asked is here
    for number in (signal.SIGTERM, signal.SIGHUP):  # HUP: the terminal was closed
        signal.signal(number, _interrupt)
    with tempfile.TemporaryDirectory(prefix="sentiment-demo-") as scratch:
        tree = Path(scratch)
        try:
            if _make_model(tree, options.reviews) != 0:
                print("demo: training did not end well; the lines above say why", file=sys.stderr)
                return 1
            with _serving(tree, _free_port(options.endpoint_port)) as endpoint:
                _show_example(endpoint)
                _show_page(endpoint, _free_port(options.port))
        except KeyboardInterrupt:
            print("\ndemo: ended")
        except RuntimeError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
    return 0


def _make_model(tree: Path, reviews: int) -> int:
    """Put a model into the tree, the bundled one if `reviews` is 0; returns `train`'s status."""
    if not reviews:
        print(f"demo: serving the bundled model in {BUNDLED_MODEL.name}/", flush=True)
        shutil.copytree(BUNDLED_MODEL, tree / "model")
        return 0
    print(f"demo: writing {reviews} reviews for training", flush=True)
    corpus.write_corpus(tree / "input" / "data" / "train", train=reviews, test=0)
    config = tree / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps(HYPERPARAMETERS))
    return _finish(subprocess.Popen([sys.executable, ROOT / "container" / "train",
                                     "--root", tree]))


def _finish(process: subprocess.Popen[bytes]) -> int:
    """Wait for a child, and end it with us."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise


@contextmanager
def _serving(tree: Path, port: int) -> Iterator[str]:
    """The real `serve` as a child; gives its address once it is healthy."""
    log = tree / "serve.log"
    environment = {**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port)}
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, ROOT / "container" / "serve", "--root", tree],
                                   env=environment, stdout=stream, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_healthy(process, address, log)
        yield address
    finally:
        _end(process)


def _wait_healthy(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Raises RuntimeError: the server ended, or was not healthy in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=2):  # noqa: S310 - our own
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"serve did not become healthy:\n{log.read_text(errors='replace')}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=25)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _show_example(endpoint: str) -> None:
    """Classify one review, with curl as anybody would."""
    command = ["curl", "-s", f"{endpoint}/invocations", "-H", "Content-Type: application/json",
               "-d", json.dumps({"text": EXAMPLE})]
    print(f"\n$ {shlex.join(command)}", flush=True)
    if shutil.which("curl"):
        subprocess.run(command, check=True)
        print()
    else:
        request = urllib.request.Request(command[2], json.dumps({"text": EXAMPLE}).encode(),  # noqa: S310
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            print(answer.read().decode())


def _show_page(endpoint: str, port: int) -> None:
    """Serve the page until interrupted."""
    with gateway.chain(endpoint, port=port) as server:
        print(f"\ndemo: type a review at http://127.0.0.1:{port}/   (Ctrl-C ends everything)\n"
              "demo: below, what the Lambda function logs of each request", flush=True)
        server.serve_forever()


def _free_port(wanted: int) -> int:
    """The wanted port, or another one where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("no free port on this machine")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8000, help="of the page (%(default)s)")
    parser.add_argument("--endpoint-port", type=int, default=8080, help="of `serve` (%(default)s)")
    parser.add_argument("--reviews", type=int, default=0, metavar="N",
                        help="train on that many generated reviews first, instead of serving the "
                             "bundled model")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
