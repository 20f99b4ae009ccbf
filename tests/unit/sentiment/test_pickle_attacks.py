"""Pickles from public lists of attacks, in every file that the course project keeps as a pickle."""

from __future__ import annotations

import ast
import io
import pickle
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from attacks import QUIET_PICKLES, touching
from contract.errors import UserError
from sentiment.artifacts import legacy
from sentiment.artifacts.legacy import LARGEST_PICKLE, load_course_project
from sentiment.safepickle import read_word_dict

CONTAINER = Path(__file__).parents[3] / "container"
LOUD = tuple(touching(Path("x")))
MEMORY = 40 * 2**20
"""Bytes of Python's own; the largest of the attacks has 3 MB and asks for a terabyte."""
INFO = {"embedding_dim": 1, "hidden_dim": 1, "vocab_size": 3}


@contextmanager
def _little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with the course project's files; their contents are for the tests to spoil."""
    torch.save(INFO, tmp_path / legacy.INFO)
    torch.save({"dense.bias": torch.zeros(1)}, tmp_path / legacy.WEIGHTS)
    (tmp_path / legacy.WORD_DICT).write_bytes(pickle.dumps({"film": 2}))
    return tmp_path


@pytest.mark.parametrize("name", LOUD)
def test_these_attacks_work_where_a_pickle_is_simply_read(name: str, tmp_path: Path) -> None:
    try:
        pickle.loads(touching(tmp_path / "executed")[name])
    except (pickle.UnpicklingError, EOFError):
        pass  # damaged on purpose, behind the call
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", LOUD)
def test_a_word_dictionary_that_calls_is_refused_unexecuted(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="refused unread"):
        read_word_dict(touching(tmp_path / "executed")[name], "word_dict.pkl")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", QUIET_PICKLES.values(), ids=QUIET_PICKLES)
def test_a_word_dictionary_that_asks_for_more_than_words_is_refused(content: bytes) -> None:
    with _little_memory(), pytest.raises(UserError, match=r"^word_dict\.pkl: "):
        read_word_dict(content, "word_dict.pkl")


@pytest.mark.parametrize("name", LOUD)
@pytest.mark.parametrize("file", [legacy.INFO, legacy.WEIGHTS])
def test_a_file_of_tensors_that_calls_is_refused_unexecuted(
        file: str, name: str, model: Path) -> None:
    (model / file).write_bytes(touching(model / "executed")[name])
    with pytest.raises(UserError, match=f"^{file}: refused"):
        load_course_project(model)
    assert not (model / "executed").exists()


@pytest.mark.parametrize("content", QUIET_PICKLES.values(), ids=QUIET_PICKLES)
def test_a_file_of_tensors_that_asks_for_much_is_refused(content: bytes, model: Path) -> None:
    (model / legacy.INFO).write_bytes(content)
    with _little_memory(), pytest.raises(UserError, match=r"^model_info\.pth: refused"):
        load_course_project(model)


def _rezip(path: Path, change: Callable[[str, bytes], bytes], kind: int) -> None:
    """Write a file of tensors again, part by part."""
    with zipfile.ZipFile(path) as parts:
        contents = {name: parts.read(name) for name in parts.namelist()}
    with zipfile.ZipFile(path, "w", kind) as parts:
        for name, content in contents.items():
            parts.writestr(name, change(name, content))


def _compress(path: Path) -> None:
    _rezip(path, lambda name, content: content if "data/0" not in name else bytes(30_000_000),
           zipfile.ZIP_DEFLATED)


def _overlap(path: Path) -> None:
    """One part, found under a hundred names besides."""
    with zipfile.ZipFile(path, "a") as parts:
        parts.writestr("a/data/0", bytes(100_000))
        first = parts.infolist()[-1]
        for number in range(1, 100):
            copy = zipfile.ZipInfo(f"a/data/{number}")
            copy.file_size = copy.compress_size = first.file_size
            copy.CRC, copy.header_offset = first.CRC, first.header_offset
            parts.filelist.append(copy)


def _swell(path: Path) -> None:
    torch.save({f"{number}": number for number in range(LARGEST_PICKLE)}, path)


def _collide(path: Path) -> None:
    _rezip(path, lambda name, content: QUIET_PICKLES["200,000 keys of one hash"]
           if name.endswith("data.pkl") else content, zipfile.ZIP_STORED)


def _script(path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), path)


def _old_tar(path: Path) -> None:
    """As torch wrote before 2017; the way in of CVE-2025-32434."""
    with tarfile.open(path, "w") as tar:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = pickle.dumps({})
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))


TENSORS: dict[str, Callable[[Path], object]] = {
    "parts that are compressed": _compress, "parts that overlap": _overlap,
    "a large pickle": _swell, "keys of one hash": _collide, "a program of TorchScript": _script,
    "torch's oldest format": _old_tar,
    "a pickle before the zip": lambda path: path.write_bytes(
        QUIET_PICKLES["200,000 keys of one hash"] + path.read_bytes()),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("spoil", TENSORS.values(), ids=TENSORS)
def test_a_file_of_tensors_that_is_not_as_torch_writes_it_is_refused(
        spoil: Callable[[Path], object], model: Path) -> None:
    spoil(model / legacy.INFO)
    with _little_memory(), pytest.raises(UserError, match=r"^model_info\.pth: refused.*ValueError"):
        load_course_project(model)


# By their whole name, and by the last part of it.
UNSAFE = {"eval", "exec", "pickle.load", "pickle.loads", "marshal.loads", "shelve.open",
          "joblib.load"}
UNSAFE_METHODS = {"all_gather_object", "broadcast_object_list", "gather_object",
                  "scatter_object_list", "send_object_list", "recv_object_list"}


@pytest.mark.parametrize("path", sorted(CONTAINER.rglob("*.py")), ids=lambda path: str(path.stem))
def test_no_code_of_ours_reads_a_pickle_in_the_ordinary_way(path: Path) -> None:
    """Nor by the detours that a linter does not know: objects sent between processes and hosts."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {ast.unparse(call.func) for call in calls}
    assert not names & UNSAFE
    assert not {name.rpartition(".")[2] for name in names} & UNSAFE_METHODS
    for call in calls:
        assert call.args or not ast.unparse(call.func).endswith(".recv")  # as of a Connection
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert given.get("allow_pickle", "False") == "False"
        assert ast.unparse(call.func) != "torch.load" or given.get("weights_only") == "True"
