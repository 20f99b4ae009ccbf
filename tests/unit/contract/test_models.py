"""The list of loaded models: one at a time per name, no more than fit, and nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from contract.algorithm import Algorithm
from contract.errors import RequestError, UserError
from contract.serving.models import PAGE, RESERVE, Model, Models
from contract.serving.settings import read_settings
from crowd import Sociable, answers
from executables import PATIENCE, until
from shelf import Shelf

CALLERS = 8


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, Sociable)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CALLERS) as pool:
        yield pool


def status(call: Any, *arguments: Any) -> int:
    """200, or the status of the refusal."""
    try:
        call(*arguments)
    except RequestError as error:
        return error.status
    return 200


def test_a_loaded_model_answers_and_is_in_the_list(shelf: Shelf) -> None:
    models, url = shelf.models(), shelf.add("a")
    assert models.load("a", url) == models.find("a") == Model("a", url)
    assert models.page("") == ([Model("a", url)], None)
    assert answers(models.gate("a"), 3) == [3]


def test_of_many_that_load_one_name_at_once_one_does_and_no_other_waits(
        shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    models, url = shelf.models(), shelf.add("a")
    with shelf.holding():
        first = pool.submit(models.load, "a", url)
        assert shelf.entered.wait(PATIENCE)
        assert [status(models.load, "a", url) for _ in range(CALLERS)] == [409] * CALLERS
    assert first.result(PATIENCE).name == "a"
    assert status(models.load, "a", url) == 409
    assert shelf.loads == 1


def test_a_model_is_not_there_until_it_is_loaded(shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    models, url = shelf.models(), shelf.add("a")
    with shelf.holding():
        loading = pool.submit(models.load, "a", url)
        assert shelf.entered.wait(PATIENCE)
        assert [status(call, "a") for call in (models.find, models.gate, models.unload)] == [
            404] * 3
        assert models.page("") == ([], None)
    loading.result(PATIENCE)
    assert status(models.find, "a") == 200


def test_two_models_load_at_the_same_time(shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    models = shelf.models()
    with shelf.holding():
        both = [pool.submit(models.load, name, shelf.add(name)) for name in "ab"]
        until(lambda: shelf.loads == 2, "the second waits for the first")
    assert [one.result(PATIENCE).name for one in both] == ["a", "b"]


@pytest.mark.parametrize(("fault", "seen"), [
    (UserError("weights are damaged"), UserError),
    (MemoryError(), RequestError),
    (KeyError("ours"), KeyError),
])
def test_a_load_that_fails_leaves_nothing_behind(shelf: Shelf, fault: Exception,
                                                 seen: type[Exception]) -> None:
    shelf.need = 100
    models, url = shelf.models(lambda: RESERVE + 150), shelf.add("a")
    shelf.fault = fault
    for _ in range(2):
        with pytest.raises(seen):
            models.load("a", url)
    assert models.page("") == ([], None)
    shelf.fault = None
    assert status(models.load, "a", url) == 200


def test_an_unloaded_model_is_gone_and_can_be_loaded_again(shelf: Shelf) -> None:
    models, url = shelf.models(), shelf.add("a")
    models.load("a", url)
    models.unload("a")
    assert shelf.alive() == 0
    assert [status(call, "a") for call in (models.find, models.unload)] == [404] * 2
    assert status(models.load, "a", url) == 200


def test_an_unloading_waits_for_requests_and_lets_no_new_one_in(
        shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    models, url = shelf.models(), shelf.add("a")
    models.load("a", url)
    gate = models.gate("a")
    unloading = pool.submit(models.unload, "a")
    until(lambda: status(models.find, "a") == 404, "the model stays in the list")
    assert status(models.load, "a", url) == 409
    assert answers(gate, 5) == [5]
    assert not unloading.done()
    del gate
    unloading.result(PATIENCE)
    assert shelf.alive() == 0


def test_of_two_unloadings_one_finds_the_model(shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    models = shelf.models()
    models.load("a", shelf.add("a"))
    both = [pool.submit(status, models.unload, "a") for _ in range(2)]
    assert sorted(one.result(PATIENCE) for one in both) == [200, 404]


def test_a_model_whose_request_never_ends_stays(shelf: Shelf) -> None:
    models = shelf.models(SAGEMAKER_MODEL_SERVER_TIMEOUT="0.1")
    models.load("a", shelf.add("a"))
    gate = models.gate("a")
    assert status(models.unload, "a") == 503
    assert models.gate("a") is gate


def test_what_an_error_left_in_a_circle_does_not_keep_a_model(shelf: Shelf) -> None:
    models = shelf.models()
    models.load("a", shelf.add("a"))
    circle: list[object] = [models.gate("a")]
    circle.append(circle)
    del circle
    models.unload("a")
    assert shelf.alive() == 0


@pytest.mark.parametrize("url", [
    "", ".", "/", "models/a/model", "{models}", "{models}/", "{models}/a/..", "{models}/none",
    "{models}/a/file", "{models}/../outside", "{models}/out", "{models}/circle", "{outside}",
    "{models}/a\0", "{models}/a/model\0/../../..", "{models}/\ud800", "file://{models}/a/model",
    "{models}%2Fa%2Fmodel", "{models}/" + "a" * 10_000, "{models}" + "/a" * 5_000,
    "{models}-more/a"])
def test_only_a_folder_below_that_of_all_models_is_loaded(shelf: Shelf, url: str) -> None:
    outside = shelf.directory.parent / "outside"
    for folder in (outside, shelf.directory.parent / "models-more" / "a"):
        folder.mkdir(parents=True)
    shelf.add("a")
    (shelf.directory / "a" / "file").write_text("")
    (shelf.directory / "out").symlink_to(outside)
    (shelf.directory / "circle").symlink_to("circle")
    with pytest.raises(UserError, match="below"):
        shelf.models().load("a", url.replace("{models}", str(shelf.directory))
                            .replace("{outside}", str(outside)))
    assert shelf.loads == 0


def test_a_model_that_does_not_fit_is_not_even_begun(shelf: Shelf) -> None:
    shelf.need = 100
    models = shelf.models(lambda: RESERVE + 99)
    assert status(models.load, "a", shelf.add("a")) == 507
    assert shelf.loads == 0


def test_models_that_are_being_loaded_have_their_memory_kept(shelf: Shelf,
                                                             pool: ThreadPoolExecutor) -> None:
    shelf.need = 100
    left = iter([RESERVE + 1000])  # at the start, with the models of others still to come
    models = shelf.models(lambda: next(left, RESERVE + 150))
    with shelf.holding():
        first = pool.submit(models.load, "a", shelf.add("a"))
        assert shelf.entered.wait(PATIENCE)
        assert status(models.load, "b", shelf.add("b")) == 507
    first.result(PATIENCE)


def test_a_model_may_grow_to_what_it_was_promised(shelf: Shelf) -> None:
    # Nothing seems to be taken, because no model has grown yet.
    shelf.need = 100
    models = shelf.models(lambda: RESERVE + 250)
    assert [status(models.load, name, shelf.add(name)) for name in "abc"] == [200, 200, 507]
    models.unload("a")
    assert status(models.load, "c", str(shelf.directory / "c" / "model")) == 200


@pytest.mark.parametrize(("room", "expected"), [(999, 507), (1000, 200)])
def test_without_an_estimate_the_size_of_the_files_counts(shelf: Shelf, room: int,
                                                          expected: int) -> None:
    url = shelf.add("a")
    (Path(url) / "deep").mkdir()
    (Path(url) / "deep" / "weights").write_bytes(bytes(1000))
    plain = Algorithm("plain", (), (), lambda job: None, lambda folder: Sociable())
    models = Models(plain, shelf.directory, read_settings({}, 1), lambda: RESERVE + room)
    assert status(models.load, "a", url) == expected


def test_the_parts_of_the_list_show_each_model_once(shelf: Shelf) -> None:
    models, url = shelf.models(), shelf.add("a")
    expected = [f"{number:03}" for number in range(2 * PAGE + 1)]
    for name in reversed(expected):
        models.load(name, url)
    found, after = [], ""
    for size in (PAGE, PAGE, 1):
        part, last = models.page(after)
        assert len(part) == size
        found += [model.name for model in part]
        after = last or ""
    assert found == expected
    assert last is None


def test_a_model_that_goes_between_two_parts_hides_no_other(shelf: Shelf) -> None:
    models, url = shelf.models(), shelf.add("a")
    for number in range(PAGE + 2):
        models.load(f"{number:03}", url)
    _, last = models.page("")
    models.unload("000")
    models.unload(str(last))
    assert [model.name for model in models.page(str(last))[0]] == [f"{PAGE}", f"{PAGE + 1}"]


def test_a_crowd_that_loads_and_unloads_leaves_the_list_in_order(
        shelf: Shelf, pool: ThreadPoolExecutor) -> None:
    models, url = shelf.models(), shelf.add("a")
    start = threading.Barrier(CALLERS)

    def churn(caller: int) -> set[int]:
        start.wait(PATIENCE)
        seen = set()
        for step in range(10):
            name = "ab"[(caller + step) % 2]
            seen |= {status(models.load, name, url), status(models.gate, name),
                     status(models.unload, name)}
        return seen

    assert set().union(*pool.map(churn, range(CALLERS))) <= {200, 404, 409}
    for model in models.page("")[0]:
        models.unload(model.name)
    assert shelf.alive() == 0
