"""What a processing job has left in S3: listed, fetched, and the figures of a model."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from cloud.account import Account
from cloud.data.folders import new_folder
from cloud.errors import ScriptError, found
from cloud.scoring.evaluation import accuracy_lines, as_table, number
from cloud.scoring.figures import Confusion
from cloud.storage import Stored, objects, split

from sentiment.processing.quality import quality

_FIGURES = "evaluation/evaluation.json"


def summary(place: str, results: Sequence[Stored]) -> str:
    """Files and MB of each folder of the results below `place`."""
    folders: dict[str, list[int]] = defaultdict(list)
    for each in results:
        folders[each.uri.removeprefix(place).partition("/")[0]].append(each.size)
    return as_table((folder, f"{len(sizes):>5} files  {sum(sizes) / 1e6:>10,.1f} MB")
                    for folder, sizes in folders.items())


def download(account: Account, place: str, results: Sequence[Stored], folder: Path) -> None:
    """Fetch results into a new folder, with the paths that they have below `place`.

    Raises:
        ScriptError: there is something in the folder, or a path would lead out of it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ScriptError(f"{folder} has something in it; name another folder")
    with new_folder(folder) as new:
        for each in results:
            name = PurePosixPath(each.uri.removeprefix(place))
            if name.is_absolute() or ".." in name.parts:
                raise ScriptError(f"{each.uri} would lead out of {folder}; nothing is kept")
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            bucket, key = split(each.uri)
            account.client("s3").download_file(bucket, key, str(new / name))


def figures(account: Account, place: str) -> dict[str, Any]:
    """The `evaluation.json` of a whole job.

    Several instances have written one each, of their own part; then that of the whole is made of
    all predictions, and put where a single instance would have put it.

    Raises:
        ScriptError: there are no predictions.
    """
    s3 = account.client("s3")
    bucket, key = split(place + _FIGURES)
    there = found(lambda: s3.get_object(Bucket=bucket, Key=key))
    if there:
        return dict(json.load(there["Body"]))
    labels, probabilities = _predictions(account, place)
    if not labels:
        raise ScriptError(f"there are no predictions in {place}; was there a test review?")
    whole = quality(labels, probabilities)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(whole, indent=2).encode() + b"\n",
                  ContentType="application/json")
    return whole


def _predictions(account: Account, place: str) -> tuple[list[int], list[float]]:
    """Labels and probabilities of all `predictions-HOST.jsonl`."""
    labels, probabilities = list[int](), list[float]()
    for each in objects(account, f"{place}evaluation/predictions-"):
        bucket, key = split(each.uri)
        for line in account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].iter_lines():
            row = json.loads(line)
            labels.append(row["label"])
            probabilities.append(row["probability"])
    return labels, probabilities


def table(found: Mapping[str, Any]) -> str:
    """Figures of `evaluation.json` for a terminal."""
    metrics, said = found["binary_classification_metrics"], found["probabilities"]
    of_negative, of_positive = (metrics["confusion_matrix"][label] for label in ("0", "1"))
    matrix = Confusion(of_positive["1"], of_negative["1"], of_negative["0"], of_positive["0"])

    def shown(name: str) -> str:
        return number(float(metrics[name]["value"]))  # "NaN" where nothing is known

    return as_table([
        ("reviews", f"{said['reviews']:,}"), *accuracy_lines(matrix), ("", ""),
        ("precision", shown("precision")), ("recall", shown("recall")), ("F1", shown("f1")),
        ("ROC AUC", shown("auc")), ("loss", f"{number(said['loss'])}   (cross entropy, nats)"),
        ("calibration", f"{number(said['expected_calibration_error'])}   (expected error)")])
