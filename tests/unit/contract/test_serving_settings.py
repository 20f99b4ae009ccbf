from __future__ import annotations

import pytest

from contract.errors import UserError
from contract.serving.settings import MEGABYTE, read_settings

WORKERS = ("SAGEMAKER_MODEL_SERVER_WORKERS", "SAGEMAKER_NUM_MODEL_WORKERS", "MODEL_SERVER_WORKERS")
TIMEOUT = ("SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", "SAGEMAKER_MODEL_SERVER_TIMEOUT",
           "SAGEMAKER_SERVER_TIMEOUT", "MODEL_SERVER_TIMEOUT")
BYTES = ("SAGEMAKER_MAX_REQUEST_SIZE", "MAX_CONTENT_LENGTH")


def test_without_variables_everything_has_a_default() -> None:
    settings = read_settings({}, processors=4)
    assert (settings.port, settings.workers, settings.threads_per_worker) == (8080, 4, 1)
    assert (settings.timeout, settings.max_body) == (60, 1024 * MEGABYTE)
    assert (settings.whole_body, settings.temporary) == (100 * MEGABYTE, "/tmp")
    assert settings.startup_timeout == 600
    assert settings.default_accept is None
    assert settings.log_level == 20
    assert not settings.batch
    assert settings.decided_by == {}


@pytest.mark.parametrize(("name", "value", "attribute", "expected"), [
    ("SAGEMAKER_BIND_TO_PORT", "9000", "port", 9000),
    *((name, "3", "workers", 3) for name in WORKERS),
    ("OMP_NUM_THREADS", "5", "threads_per_worker", 5),
    *((name, "2.5", "timeout", 2.5) for name in TIMEOUT),
    ("SAGEMAKER_STARTUP_TIMEOUT", "30", "startup_timeout", 30),
    ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "7", "max_body", 7 * MEGABYTE),
    *((name, "1000", "max_body", 1000) for name in BYTES),
    ("SAGEMAKER_MODEL_JOB_QUEUE_SIZE", "0", "queue", 0),
    ("SAGEMAKER_CONTAINER_LOG_LEVEL", "40", "log_level", 40),
    ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv", "default_accept", "text/csv"),
])
def test_each_variable_sets_its_value(name: str, value: str, attribute: str,
                                      expected: object) -> None:
    assert getattr(read_settings({name: value}, 2), attribute) == expected


@pytest.mark.parametrize(("names", "attribute"), [
    (WORKERS, "workers"), (TIMEOUT, "timeout"), (BYTES, "max_body")])
def test_the_first_of_several_names_wins(names: tuple[str, ...], attribute: str) -> None:
    for first in range(len(names)):
        values = {name: str(10 + number) for number, name in enumerate(names) if number >= first}
        settings = read_settings(values, 2)
        assert getattr(settings, attribute) == 10 + first
        assert dict(settings.decided_by) == {names[first]: str(10 + first)}


def test_a_payload_in_megabytes_wins_over_bytes() -> None:
    settings = read_settings({"MAX_CONTENT_LENGTH": "5", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1"}, 2)
    assert settings.max_body == MEGABYTE


def test_an_empty_variable_counts_as_not_set() -> None:
    empty = dict.fromkeys((*WORKERS, *TIMEOUT, *BYTES, "SAGEMAKER_BIND_TO_PORT"), " ")
    assert read_settings(empty, 2) == read_settings({}, 2)


@pytest.mark.parametrize(("name", "value", "allowed"), [
    ("SAGEMAKER_BIND_TO_PORT", "0", "1 to 65535"),
    ("SAGEMAKER_BIND_TO_PORT", "65536", "1 to 65535"),
    *((name, "none", "1 to 512") for name in WORKERS),
    ("OMP_NUM_THREADS", "0", "1 to 1024"),
    *((name, value, "more than 0") for name in TIMEOUT for value in ("0", "-1", "soon", "nan")),
    ("SAGEMAKER_STARTUP_TIMEOUT", "1.5", "1 to 86400"),
    ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "1025", "0 to 1024"),
    *((name, "6MB", "1 to 1073741824") for name in BYTES),
    ("SAGEMAKER_MODEL_JOB_QUEUE_SIZE", "-1", "0 to 1000"),
    ("SAGEMAKER_CONTAINER_LOG_LEVEL", "INFO", "0 to 50"),
    ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "0", "1 to 10000"),
    ("SAGEMAKER_BATCH_STRATEGY", "SOME_RECORDS", "MULTI_RECORD or SINGLE_RECORD"),
])
def test_a_bad_value_is_refused_by_name_and_range(name: str, value: str, allowed: str) -> None:
    with pytest.raises(UserError) as raised:
        read_settings({name: value}, 2)
    assert f"{name}={value!r}" in str(raised.value)
    assert allowed in str(raised.value)


@pytest.mark.parametrize("name", [
    "SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY", "SAGEMAKER_BASE_DIR",
    "SAGEMAKER_MODEL_SERVER_VMARGS", "SAGEMAKER_MAX_HEAP_SIZE", "SAGEMAKER_INFERENCE_OUTPUT",
    "SAGEMAKER_REGION"])
def test_variables_of_other_images_are_left_alone(name: str) -> None:
    assert read_settings({name: "-Xmx1g"}, 2) == read_settings({}, 2)


@pytest.mark.parametrize(("processors", "workers", "threads"), [
    (1, "1", 1), (8, "2", 4), (8, "3", 2), (2, "4", 1)])
def test_workers_share_the_processors(processors: int, workers: str, threads: int) -> None:
    settings = read_settings({"SAGEMAKER_MODEL_SERVER_WORKERS": workers}, processors)
    assert settings.threads_per_worker == threads


@pytest.mark.parametrize(("timeout", "deadline"), [("60", 55), ("10", 9), ("0.1", 0.09)])
def test_the_deadline_is_a_little_before_the_timeout(timeout: str, deadline: float) -> None:
    settings = read_settings({"SAGEMAKER_MODEL_SERVER_TIMEOUT": timeout}, 2)
    assert settings.deadline == pytest.approx(deadline)


def test_there_are_threads_for_pings_beyond_those_that_wait() -> None:
    settings = read_settings({"SAGEMAKER_MODEL_JOB_QUEUE_SIZE": "4"}, 2)
    assert settings.connection_threads > 1 + 4


@pytest.mark.parametrize(("raw", "batch"), [
    ("true", True), ("True", True), ("1", True), ("false", False), ("", False)])
def test_batch_is_told_in_any_case(raw: str, batch: bool) -> None:
    settings = read_settings({"SAGEMAKER_BATCH": raw}, 2)
    assert settings.batch is batch
    assert settings.timeout == (3600 if batch else 60)


def test_a_stated_timeout_holds_in_batch_too() -> None:
    settings = read_settings({"SAGEMAKER_BATCH": "true", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "9"}, 2)
    assert settings.timeout == 9


def test_execution_parameters_without_wishes() -> None:
    assert read_settings({}, processors=4).execution_parameters == {
        "MaxConcurrentTransforms": 4, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}


def test_execution_parameters_repeat_what_the_user_set() -> None:
    settings = read_settings({"SAGEMAKER_BATCH": "true", "SAGEMAKER_BATCH_STRATEGY": "SingleRecord",
                              "SAGEMAKER_MAX_PAYLOAD_IN_MB": "0",
                              "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "33"}, 2)
    assert settings.execution_parameters == {
        "MaxConcurrentTransforms": 33, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 0}


@pytest.mark.parametrize("payload", ["", "1", "6", "40", "100"])
@pytest.mark.parametrize("processors", [1, 16, 96])
def test_concurrent_payloads_stay_within_the_bound_of_the_platform(payload: str,
                                                                   processors: int) -> None:
    asked = read_settings({"SAGEMAKER_MAX_PAYLOAD_IN_MB": payload}, processors)
    transforms, megabytes = asked.batch_transforms, asked.batch_payload_mb
    assert transforms * megabytes <= 100
    assert 1 <= transforms <= processors


@pytest.mark.parametrize(("transforms", "megabytes"), [("20", 5), ("33", 3), ("300", 1), ("2", 6)])
def test_payloads_are_smaller_where_many_are_asked_for_at_once(transforms: str,
                                                               megabytes: int) -> None:
    asked = read_settings({"SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": transforms}, 2)
    assert (asked.batch_transforms, asked.batch_payload_mb) == (int(transforms), megabytes)


@pytest.mark.parametrize(("raw", "processes"), [("true", 1), ("True", 1), ("false", 3), ("", 3)])
def test_many_models_are_served_by_one_process(raw: str, processes: int) -> None:
    settings = read_settings({"SAGEMAKER_MULTI_MODEL": raw, "SAGEMAKER_MODEL_SERVER_WORKERS": "3"},
                             6)
    assert settings.processes == processes
    assert settings.threads_per_worker == 2


def test_each_of_many_models_has_a_queue_and_pings_have_threads() -> None:
    one, many = (read_settings({"SAGEMAKER_MULTI_MODEL": raw,
                                "SAGEMAKER_NUM_MODEL_WORKERS": "1"}, 2) for raw in ("", "true"))
    assert one.queue == many.queue
    assert many.connection_threads > one.connection_threads + 10 * one.queue
