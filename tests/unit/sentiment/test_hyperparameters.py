from __future__ import annotations

import pytest

from contract.errors import UserError
from contract.inputs.hyperparameters import Hyperparameter, Value, markdown_table, resolve
from sentiment.hyperparameters import (
    BY_ARCHITECTURE,
    HYPERPARAMETERS,
    METRICS,
    VOCABULARY_SIZES,
    complete,
)

DECLARED = (
    Hyperparameter(name="criterion", kind=str, default="entropy", choices=("gini", "entropy"),
                   help="text"),
    Hyperparameter(name="early_stop", kind=bool, default=False, help="truth"),
    Hyperparameter(name="max_depth", kind=int, default=6, minimum=1, maximum=1000, help="whole"),
    Hyperparameter(name="eta", kind=float, default=0.3, minimum=0, maximum=1, open_minimum=True,
                   tunable=True, logarithmic=True, help="number"),
    Hyperparameter(name="offset", kind=float, default=None, help="any number"),
)

ENCODINGS = {  # requirement T11: client -> the notations of gini, True, None, 0.1 and 7
    "API and generic Estimator": ("gini", "True", "None", "0.1", "7"),
    "framework estimators": ('"gini"', "true", "null", "0.1", "7"),
    "ModelTrainer": ("gini", "true", "null", "0.1", "7"),
    "HyperparameterTuner": ("gini", "True", "None", "0.1", "7"),
    "values in quotes": ('"gini"', '"True"', '"null"', '"0.1"', '"7"'),
    "JSON values": ("gini", True, None, 0.1, 7),
}


@pytest.mark.parametrize("client", ENCODINGS)
def test_every_client_s_notation_means_the_same(client: str) -> None:
    names = ("criterion", "early_stop", "offset", "eta", "max_depth")
    values = resolve(DECLARED, dict(zip(names, ENCODINGS[client], strict=True)))
    assert values == {"criterion": "gini", "early_stop": True, "offset": None, "eta": 0.1,
                      "max_depth": 7}


@pytest.mark.parametrize(("name", "raw", "value"), [
    ("max_depth", "7.0", 7), ("max_depth", "1e2", 100), ("max_depth", "7", 7),
    ("max_depth", " 7 ", 7), ("max_depth", '"256"', 256), ("max_depth", "+7", 7),
    ("max_depth", 7.0, 7), ("max_depth", "1000", 1000), ("eta", "1e-05", 1e-05), ("eta", "1", 1.0),
    ("eta", "0.0731", 0.0731), ("eta", '"0.5"', 0.5), ("criterion", "'gini'", "gini"),
    ("early_stop", "1", True), ("early_stop", "yes", True), ("early_stop", "off", False),
    ("early_stop", "False", False), ("early_stop", "1.0", True), ("early_stop", "0.0", False),
    ("max_depth", "", 6), ("max_depth", "null", 6), ("criterion", "None", "entropy"),
])
def test_a_notation_is_read(name: str, raw: object, value: Value) -> None:
    read = resolve(DECLARED, {name: raw})[name]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("raw", [
    "0", "1001", "-1", "6.5", "six", "nan", "inf", "1e400", "1" + "0" * 400, "9" * 5000, "True",
    "[1, 2]", [1, 2], {"a": 1}, True, "1_000", "1_0.5", "\uff11\uff10", "\u0663",
], ids=lambda raw: str(raw)[:12])
def test_an_impossible_whole_number_names_the_interval(raw: object) -> None:
    with pytest.raises(UserError, match=r"max_depth=.*: expected a whole number in \[1, 1000\]$"):
        resolve(DECLARED, {"max_depth": raw})


@pytest.mark.parametrize(("name", "raw", "expected"), [
    ("eta", "0", "a number in (0, 1]"), ("eta", "1.01", "a number in (0, 1]"),
    ("eta", "nan", "a number in (0, 1]"), ("eta", "fast", "a number in (0, 1]"),
    ("offset", "inf", "a number"), ("early_stop", "maybe", "true or false"),
    ("criterion", "Gini", "one of gini, entropy"), ("criterion", '"', "one of gini, entropy"),
])
def test_an_impossible_value_says_what_is_expected(name: str, raw: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(DECLARED, {name: raw})
    assert str(caught.value) == f"hyperparameter {name}={raw!r}: expected {expected}"


@pytest.mark.parametrize("key", [
    "_tuning_objective_metric", "sagemaker_estimator_class_name", "sagemaker_estimator_module",
    "sagemaker_program", "sagemaker_submit_directory", "sagemaker_container_log_level",
    "sagemaker_job_name", "sagemaker_region", "_anything",
])
def test_reserved_keys_are_passed_over(key: str) -> None:
    assert resolve(DECLARED, {key: '"x"'}) == {row.name: row.default for row in DECLARED}


@pytest.mark.parametrize(("key", "advice"), [
    ("max_dept", "did you mean 'max_depth'?"), ("maxdepth", "did you mean 'max_depth'?"),
    ("early-stopp", "did you mean 'early_stop'?"), ("crit", "did you mean 'criterion'?"),
    ("zzz", "known are criterion, early_stop, eta, max_depth, offset"),
])
def test_an_unknown_name_is_told_with_the_nearest_known(key: str, advice: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(DECLARED, {key: "1"})
    assert f"unknown hyperparameter {key!r}" in str(caught.value)
    assert advice in str(caught.value)


def test_all_problems_are_in_one_message() -> None:
    with pytest.raises(UserError) as caught:
        resolve(DECLARED, {"max_dept": "6", "eta": "2", "early_stop": "maybe", "max_depth": "5"})
    assert str(caught.value).count(";") == 2
    assert all(part in str(caught.value) for part in ("max_dept", "eta='2'", "early_stop='maybe'"))


@pytest.mark.parametrize("key", ["max_depth", "max-depth", "MAX_DEPTH", " max-depth "])
def test_dash_underscore_and_case_are_the_same(key: str) -> None:
    assert resolve(DECLARED, {key: "9"})["max_depth"] == 9


def test_the_same_name_twice_must_have_the_same_value() -> None:
    assert resolve(DECLARED, {"max-depth": "9", "max_depth": '"9"'})["max_depth"] == 9
    with pytest.raises(UserError, match="'max_depth' is given twice with different values"):
        resolve(DECLARED, {"max-depth": "9", "max_depth": "8"})


def test_a_long_value_is_shown_shortened() -> None:
    with pytest.raises(UserError) as caught:
        resolve(DECLARED, {"eta": "x" * 2500})
    assert len(str(caught.value)) < 150


def test_the_table_for_the_docs_has_a_row_for_each() -> None:
    lines = markdown_table(DECLARED).splitlines()
    assert len(lines) == 2 + len(DECLARED)
    assert lines[5] == "| `eta` | a number in (0, 1] | `0.3` | log | number |"
    assert {line.count(" |") for line in lines} == {5}


@pytest.mark.parametrize("row", HYPERPARAMETERS, ids=lambda row: row.name)
def test_every_declared_default_is_a_possible_value(row: Hyperparameter) -> None:
    assert row.read(row.default) == row.default
    assert row.kind is type(row.default) or row.default is None
    assert row.help


@pytest.mark.parametrize("name", [
    "epochs", "batch-size", "seed", "embedding_dim", "hidden_dim", "vocab_size"])
def test_the_course_projects_names_are_known(name: str) -> None:
    assert resolve(HYPERPARAMETERS, {name: "32"})[name.replace("-", "_")] == 32


def test_names_are_declared_once_and_tuning_has_something_to_aim_at() -> None:
    names = [row.name for row in HYPERPARAMETERS]
    assert len(set(names)) == len(names)
    assert any(metric.objective for metric in METRICS)
    assert all(row.minimum is not None and row.maximum is not None
               for row in HYPERPARAMETERS if row.tunable)


@pytest.mark.parametrize("name", [row.name for row in HYPERPARAMETERS if row.default is None])
def test_what_has_no_default_of_its_own_has_one_for_each_architecture(name: str) -> None:
    [row] = [row for row in HYPERPARAMETERS if row.name == name]
    values = ([*VOCABULARY_SIZES.values()] if name == "vocab_size"
              else [own[name] for own in BY_ARCHITECTURE.values()])
    assert [row.read(value) for value in values] == values
    assert {type(value) for value in values} == {row.kind}


CHOSEN = {  # architecture and text, as given -> those for texts, those for rows of ids
    ("auto", "auto"): (("ngrams", "tokens"), ("lstm", "classic")),
    ("auto", "tokens"): (("ngrams", "tokens"), None),
    ("auto", "classic"): (("lstm", "classic"), ("lstm", "classic")),
    ("ngrams", "auto"): (("ngrams", "tokens"), ("ngrams", "classic")),
    ("ngrams", "tokens"): (("ngrams", "tokens"), None),
    ("ngrams", "classic"): (("ngrams", "classic"), ("ngrams", "classic")),
    ("lstm", "auto"): (("lstm", "classic"), ("lstm", "classic")),
    ("lstm", "tokens"): (("lstm", "tokens"), None),
    ("lstm", "classic"): (("lstm", "classic"), ("lstm", "classic")),
}


def _complete(encoded: bool, **given: str) -> dict[str, Value]:
    return complete(resolve(HYPERPARAMETERS, given), encoded)


@pytest.mark.parametrize("encoded", [False, True], ids=["texts", "rows of ids"])
@pytest.mark.parametrize(("architecture", "text"), CHOSEN)
def test_architecture_and_text_fit_each_other_and_the_reviews(
    architecture: str, text: str, encoded: bool
) -> None:
    expected = CHOSEN[architecture, text][encoded]
    if expected is None:
        with pytest.raises(UserError, match="text is tokens, but the reviews are rows of ids"):
            _complete(encoded, architecture=architecture, text=text)
        return
    chosen = _complete(encoded, architecture=architecture, text=text)
    assert (chosen["architecture"], chosen["text"]) == expected
    assert None not in chosen.values()


NGRAMS, LSTM = BY_ARCHITECTURE["ngrams"], BY_ARCHITECTURE["lstm"]


@pytest.mark.parametrize(("given", "expected"), [
    ({}, {**NGRAMS, "vocab_size": VOCABULARY_SIZES["tokens"]}),
    ({"architecture": "lstm"}, {**LSTM, "vocab_size": VOCABULARY_SIZES["classic"]}),
    ({"architecture": "lstm", "text": "tokens"},
     {**LSTM, "vocab_size": VOCABULARY_SIZES["tokens"]}),
    ({"epochs": "7", "weight_decay": "0"}, {**NGRAMS, "epochs": 7, "weight_decay": 0.0}),
    ({"epochs": "null", "batch-size": "64"}, {**NGRAMS, "batch_size": 64}),
])
def test_what_is_not_given_is_what_suits_the_architecture(
    given: dict[str, str], expected: dict[str, Value]
) -> None:
    completed = _complete(False, **given)
    assert {name: completed[name] for name in expected} == expected


def test_the_course_projects_settings_are_as_they_were() -> None:
    assert _complete(True) == {
        "architecture": "lstm", "text": "classic", "epochs": 10, "batch_size": 512, "seed": 1,
        "vocab_size": 5000, "embedding_dim": 32, "hidden_dim": 100, "learning_rate": 0.002,
        "weight_decay": 0.0, "gradient_clip": 1.0, "validation_fraction": 0.1,
        "validation_run": 1, "patience": 0, "checkpoint_seconds": 60.0, "device": "auto",
        "max_bad_rows": 0}


NAMES = (Hyperparameter(name="C", kind=float, default=1.0, help="as scikit-learn calls it"),
         Hyperparameter(name="max-depth", kind=int, default=6, help="with a dash"))


@pytest.mark.parametrize("given", [{"C": "0.5", "max-depth": "3"}, {"c": "0.5", "max_depth": "3"}])
def test_a_name_is_declared_as_its_library_spells_it(given: dict[str, str]) -> None:
    assert resolve(NAMES, given) == {"C": 0.5, "max-depth": 3}


def test_an_unknown_name_is_told_with_the_declared_spelling() -> None:
    with pytest.raises(UserError, match=r"did you mean 'max-depth'\?"):
        resolve(NAMES, {"max_dept": "3"})


@pytest.mark.parametrize("name", ["", "_depth", "sagemaker_depth", "max depth", "2depth"])
def test_a_name_that_nobody_could_give_is_refused_where_it_is_declared(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be called"):
        Hyperparameter(name=name, kind=int, default=1, help="")


def test_two_names_that_are_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="the same name"):
        resolve((*NAMES, Hyperparameter(name="c", kind=int, default=1, help="")), {})


def test_a_whole_number_without_bounds_may_have_any_digits() -> None:
    [row] = [Hyperparameter(name="n", kind=int, default=1, help="")]
    assert row.read("9" * 401) == int("9" * 401)
