"""The Docker client, started as a program; the variable DOCKER names it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloud.errors import ScriptError

_START_SECONDS = 60


class Docker:
    """Its verbs. In a dry run those that change something are printed instead.

    All raise ScriptError with the client's own words where it fails, or where there is none.
    """

    def __init__(self, *, dry_run: bool) -> None:
        self.client = os.environ.get("DOCKER") or "docker"
        self._dry_run = dry_run
        self._environment: dict[str, str] = dict(os.environ)

    def inspect(self, image: str) -> dict[str, Any]:
        """What the engine knows of a local image."""
        found: list[dict[str, Any]] = json.loads(self._read("image", "inspect", image))
        return found[0]

    def push(self, image: str, reference: str) -> list[str]:
        """Tag a local image with a reference that names its registry, and push it there.

        Returns the references with digests under which registries know the image.
        """
        self._act([self.client, "tag", image, reference])
        self._act([self.client, "push", reference])
        return [] if self._dry_run else list(self.inspect(reference)["RepoDigests"])

    def remove_labelled(self, label: str) -> None:
        """Remove the containers with a label, `NAME=VALUE`; running ones are killed."""
        names = self._read("ps", "--all", "--quiet", "--filter", f"label={label}").split()
        if names:
            self._read("rm", "--force", *names)

    @contextmanager
    def serving(self, image: str, model: Path) -> Iterator[str]:
        """The image's `serve` with a folder as its model, read-only; gives its address."""
        name = self._read("run", "--detach", "--publish", "127.0.0.1::8080", "--read-only",
                          "--tmpfs=/tmp", "--volume", f"{model}:/opt/ml/model:ro", image,
                          "serve").strip()
        try:
            address = f"http://{self._read('port', name, '8080').splitlines()[0]}"
            self._wait_healthy(name, address)
            yield address
        finally:
            self._read("rm", "--force", name)

    def _wait_healthy(self, name: str, address: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < deadline:
            try:
                with direct.open(f"{address}/ping", timeout=2):
                    return
            except OSError:
                if self._read("inspect", "--format", "{{.State.Running}}", name).strip() != "true":
                    break
                time.sleep(0.2)
        raise ScriptError(f"serve did not become healthy:\n{self._read('logs', name)}")

    def make_removable(self, folder: Path, image: str) -> None:
        """Let everyone remove what root has written in a folder, with a container of the image."""
        self._read("run", "--rm", "--volume", f"{folder}:/delete", image,
                   "chmod", "-R", "a+rwX", "/delete")

    @contextmanager
    def signed_in(self, registry: str, user: str, password: str) -> Iterator[None]:
        """Signed in to a registry, with a configuration that ends with the block.

        The user's own would keep the password for as long as it is good, in plain text where no
        credential helper is set up.
        """
        # A configuration chooses the engine too, so that the new one has to be told which it is.
        host = "" if self._dry_run else self._read("context", "inspect", "--format",
                                                   "{{.Endpoints.docker.Host}}").strip()
        with tempfile.TemporaryDirectory() as folder:
            before = self._environment
            self._environment = {**before, "DOCKER_CONFIG": folder, "DOCKER_HOST": host}
            self._environment.pop("DOCKER_CONTEXT", None)
            try:
                self._act([self.client, "login", "--username", user, "--password-stdin", registry],
                          password)
                yield
            finally:
                self._environment = before

    def run(self, words: Sequence[str]) -> None:
        """Run a program that uses Docker; what it says is shown as it comes."""
        self._act(words, errors=None)

    def _read(self, *words: str) -> str:
        return self._run([self.client, *words], stdout=subprocess.PIPE)

    def _act(self, words: Sequence[str], given: str = "",
             errors: int | None = subprocess.PIPE) -> None:
        if self._dry_run:
            print(f"would run {shlex.join(words)}", flush=True)
        else:
            self._run(words, given, stderr=errors)

    def _run(self, words: Sequence[str], given: str = "", stdout: int | None = None,
             stderr: int | None = subprocess.PIPE) -> str:
        """Run to the end; what is not piped to here is shown as it comes."""
        try:
            done = subprocess.run(words, input=given, stdout=stdout, stderr=stderr, text=True,
                                  env=self._environment, check=False)
        except FileNotFoundError:
            raise ScriptError(f"there is no program {words[0]!r}; install Docker, or name its "
                              "client in the variable DOCKER") from None
        if done.returncode:
            why = f":\n{done.stderr.strip()}" if done.stderr else "; its last words are above"
            raise ScriptError(f"`{shlex.join(words)}` failed{why}")
        return done.stdout or ""
