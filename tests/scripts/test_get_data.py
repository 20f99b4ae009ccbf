"""The archive comes over real HTTP, whatever the connection does, and is what it should be."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import corpus
import evaluate
import file_server
from accounts import Finished, Script
from file_server import FileServer


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small archive of the same layout, large enough to be cut in the middle."""
    place = tmp_path_factory.mktemp("archive")
    corpus.write_corpus(place / "aclImdb", train=6, test=4)
    (place / "aclImdb" / "imdb.vocab").write_bytes(os.urandom(200_000))
    file = place / "aclImdb_v1.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        tar.add(place / "aclImdb", "aclImdb")
    return file


@pytest.fixture
def server(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr("cloud.data.download.PAUSE_S", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    file = tmp_path / archive.name
    file.write_bytes(archive.read_bytes())
    with file_server.serving(file) as started:
        yield started


class Fetch:
    """`get_data.py` with an address and an MD5, into an empty folder."""

    def __init__(self, script: Script, server: FileServer, directory: Path) -> None:
        self._script, self._server = script, server
        self.directory = directory
        self.part = directory / "aclImdb_v1.tar.gz.part"
        self.note = directory / "aclImdb_v1.tar.gz.part.json"

    def __call__(self, *words: object) -> Finished:
        file = self._server.file
        return self._script("get_data", "--to", self.directory, "--url", self._server.url,
                            "--md5", _md5(file), *words)

    def is_whole(self) -> bool:
        """Whether the archive is there, and nothing else."""
        found = {path.name: path.read_bytes() for path in self.directory.iterdir()}
        return found == {"aclImdb_v1.tar.gz": self._server.file.read_bytes()}

    def begin(self, content: bytes, version: str | None = None) -> None:
        """Leave what an earlier run would have left that was killed after `content`."""
        self.directory.mkdir()
        self.part.write_bytes(content)
        with urllib.request.urlopen(self._server.url) as answer:
            about = {"url": self._server.url, "version": version or answer.headers["ETag"]}
        self.note.write_text(json.dumps(about))
        self._server.ranges.clear()


@pytest.fixture
def fetch(script: Script, server: FileServer, tmp_path: Path) -> Fetch:
    return Fetch(script, server, tmp_path / "data")


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


def test_the_archive_is_fetched_and_nothing_else_left(fetch: Fetch) -> None:
    done = fetch()
    assert (done.status, done.err) == (0, "")
    assert fetch.is_whole()
    assert f"made    {fetch.directory}/aclImdb_v1.tar.gz\n" in done.out


def test_what_is_there_is_not_fetched_again(fetch: Fetch, server: FileServer) -> None:
    fetch()
    done = fetch()
    assert done.status == 0 and "is there already" in done.out
    assert len(server.ranges) == 1


def test_an_archive_of_other_content_is_replaced(fetch: Fetch) -> None:
    fetch.directory.mkdir()
    (fetch.directory / "aclImdb_v1.tar.gz").write_bytes(b"damaged")
    assert fetch().status == 0
    assert fetch.is_whole()


def test_a_broken_connection_is_gone_on_from(fetch: Fetch, server: FileServer) -> None:
    server.cuts = [50_000, 30_000]
    done = fetch()
    assert done.status == 0 and fetch.is_whole()
    assert server.ranges == [None, "bytes=50000-", "bytes=80000-"]
    assert "closed after 50000 of " in done.out


def test_the_next_run_goes_on_where_the_last_one_gave_up(
        fetch: Fetch, server: FileServer) -> None:
    server.cuts = [70_000, 0, 0, 0, 0]
    done = fetch()
    assert done.status == 1
    assert "5 times in a row. Run the same command again" in done.err
    server.ranges.clear()
    assert fetch().status == 0 and fetch.is_whole()
    assert server.ranges == ["bytes=70000-"]


def test_progress_earns_more_attempts(fetch: Fetch, server: FileServer) -> None:
    server.cuts = [10_000] * 12
    assert fetch().status == 0
    assert fetch.is_whole() and len(server.ranges) == 13


def test_a_server_that_sends_less_than_was_asked_is_asked_for_the_rest(
        fetch: Fetch, server: FileServer) -> None:
    server.cuts, server.largest_range = [150_000], 40_000
    assert fetch().status == 0 and fetch.is_whole()
    assert server.ranges[:3] == [None, "bytes=150000-", "bytes=190000-"]


def test_a_server_without_ranges_begins_again(fetch: Fetch, server: FileServer) -> None:
    server.cuts, server.ignored = [50_000], {"RANGE"}
    assert fetch().status == 0
    assert fetch.is_whole()
    assert server.ranges == [None, "bytes=50000-"]


def test_a_server_that_names_no_version_is_not_asked_for_the_rest(
        fetch: Fetch, server: FileServer) -> None:
    server.cuts, server.tagged = [50_000], False
    assert fetch().status == 0 and fetch.is_whole()
    assert server.ranges == [None, None]


@pytest.mark.parametrize("ignored", [set(), {"IF_RANGE"}], ids=["by the book", "no If-Range"])
def test_two_versions_of_a_file_are_never_mixed(
        fetch: Fetch, server: FileServer, ignored: set[str]) -> None:
    fetch.begin(b"x" * 60_000, version='"an older one"')
    server.ignored = ignored
    assert fetch().status == 0
    assert fetch.is_whole()
    assert server.ranges[0] == "bytes=60000-"


def test_a_part_of_another_address_is_not_gone_on_from(fetch: Fetch, server: FileServer) -> None:
    fetch.begin(b"x" * 60_000)
    fetch.note.write_text(json.dumps({"url": "https://elsewhere", "version": '"1"'}))
    assert fetch().status == 0 and fetch.is_whole()
    assert server.ranges == [None]


def test_a_file_that_was_whole_when_the_run_was_killed_is_not_fetched_again(
        fetch: Fetch, server: FileServer) -> None:
    content = server.file.read_bytes()
    fetch.begin(content)
    assert fetch().status == 0 and fetch.is_whole()
    assert server.ranges == [f"bytes={len(content)}-"]


def test_more_than_there_is_counts_for_nothing(fetch: Fetch, server: FileServer) -> None:
    fetch.begin(server.file.read_bytes() + b"more")
    assert fetch().status == 0
    assert fetch.is_whole()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(fetch: Fetch, server: FileServer, status: int) -> None:
    server.statuses = [status] * 4
    done = fetch()
    assert done.status == 0 and fetch.is_whole()
    assert f"HTTP Error {status}" in done.out


def test_a_file_that_the_server_has_not_is_not_asked_for_twice(
        fetch: Fetch, server: FileServer) -> None:
    server.statuses = [404]
    done = fetch()
    assert done.status == 1
    assert "answers 404" in done.err and "check the address" in done.err
    assert len(server.ranges) == 1


def test_a_server_that_nobody_vouches_for_is_not_asked_again(
        fetch: Fetch, server: FileServer) -> None:
    with file_server.serving(server.file, tls=True) as stranger:
        done = fetch("--url", stranger.url)
    assert done.status == 1 and "next attempt" not in done.out
    assert "CERTIFICATE_VERIFY_FAILED" in done.err and "SSL_CERT_FILE" in done.err


def test_a_wrong_file_is_thrown_away(fetch: Fetch) -> None:
    done = fetch("--md5", "0" * 32)
    assert done.status == 1
    assert f"expected {'0' * 32}" in done.err and "add --md5 " in done.err
    assert list(fetch.directory.iterdir()) == []


@pytest.mark.parametrize(("url", "words"), [
    ("file:///etc/passwd", "cannot be fetched"), ("data/x.tar.gz", "cannot be fetched"),
    ("http://127.0.0.1:1/x", "Connection refused")])
def test_an_address_that_cannot_be_fetched_is_named(
        fetch: Fetch, url: str, words: str) -> None:
    done = fetch("--url", url)
    assert done.status == 1
    assert url in done.err and words in done.err


def test_a_local_archive_is_taken_instead(
        fetch: Fetch, server: FileServer, archive: Path) -> None:
    assert fetch("--archive", archive).status == 0
    assert fetch.is_whole() and archive.is_file()
    assert server.ranges == []


def test_a_local_archive_is_checked_too(fetch: Fetch, archive: Path) -> None:
    done = fetch("--archive", archive, "--md5", "0" * 32)
    assert done.status == 1
    assert f"{archive} has the MD5 {_md5(archive)}" in done.err
    assert archive.is_file() and list(fetch.directory.iterdir()) == []


def test_a_local_archive_that_is_missing_is_named(fetch: Fetch) -> None:
    done = fetch("--archive", "nowhere.tar.gz")
    assert (done.status, "there is no file nowhere.tar.gz" in done.err) == (1, True)


def test_what_is_unpacked_is_what_training_reads(fetch: Fetch) -> None:
    done = fetch("--extract")
    folder = fetch.directory / "aclImdb"
    assert done.status == 0 and f"{folder}/\n" in done.out
    assert sorted(path.name for path in folder.iterdir()) == [
        ".md5", "imdb.vocab", "test", "train"]
    assert evaluate.read(folder, "train").labels == evaluate.read(
        fetch.directory / "aclImdb_v1.tar.gz", "train").labels


def test_it_is_unpacked_once(fetch: Fetch) -> None:
    fetch("--extract")
    mark = fetch.directory / "aclImdb" / "train" / "mark"
    mark.touch()
    done = fetch("--extract")
    assert done.status == 0 and f"{fetch.directory / 'aclImdb'} is there already" in done.out
    assert mark.exists()


def test_a_folder_from_elsewhere_is_not_touched(fetch: Fetch) -> None:
    mine = fetch.directory / "aclImdb" / "mine"
    mine.mkdir(parents=True)
    done = fetch("--extract")
    assert done.status == 1 and "is in the way" in done.err
    assert mine.exists()


def test_an_archive_that_cannot_be_unpacked_leaves_no_folder(
        fetch: Fetch, server: FileServer) -> None:
    with tarfile.open(server.file, "w:gz") as tar:
        for name in ("aclImdb/fine.txt", "../evil.txt"):
            tar.addfile(tarfile.TarInfo(name))
    done = fetch("--extract")
    assert done.status == 1 and "'../evil.txt', a path that leads out" in done.err
    assert [path.name for path in fetch.directory.iterdir()] == ["aclImdb_v1.tar.gz"]
