"""Jobs on several hosts: a tree for each, and what they have left when all have ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

import corpus

TRAIN, UNLABELLED, TEST = 121, 60, 30
"""Reviews of each channel, over all hosts."""

Reviews = list[tuple[int, str]]


class Ended(NamedTuple):
    """What one host has left."""

    status: int
    log: str
    root: Path

    @property
    def failure(self) -> str | None:
        file = self.root / "output" / "failure"
        return file.read_text() if file.exists() else None

    @property
    def model(self) -> set[str]:
        folder = self.root / "model"
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    @property
    def metrics(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.root / "output/data/metrics.json").read_text())
        return value


def channels() -> dict[str, Reviews]:
    return {"train": list(corpus.reviews(TRAIN, seed=1)),
            "unlabelled": list(corpus.reviews(UNLABELLED, seed=2)),
            "test": list(corpus.reviews(TEST, seed=3))}


def shards(cuts: Sequence[float]) -> list[dict[str, Reviews]]:
    """All channels cut into pieces at these parts of their lengths, a piece for each host."""
    edges = [0.0, *cuts, 1.0]
    return [{name: reviews[round(start * len(reviews)):round(stop * len(reviews))]
             for name, reviews in channels().items()}
            for start, stop in pairwise(edges)]


def lay_out_host(root: Path, host: str, hosts: Sequence[str], hyperparameters: Mapping[str, str],
                 reviews: Mapping[str, Reviews], *, sharded: bool = False,
                 interface: str = "lo") -> Path:
    """The tree of one host, as the platform makes it; its hosts are in no order."""
    config = root / "input" / "config"
    config.mkdir(parents=True)
    files = {
        "hyperparameters": hyperparameters,
        "resourceconfig": {"current_host": host, "hosts": list(hosts)[::-1],
                           "network_interface_name": interface},
        "inputdataconfig": {name: {
            "TrainingInputMode": "File", "ContentType": "application/jsonlines",
            "S3DistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
        } for name in reviews}}
    for name, content in files.items():
        (config / f"{name}.json").write_text(json.dumps(content))
    for name, rows in reviews.items():
        folder = root / "input" / "data" / name
        folder.mkdir(parents=True)
        if rows:
            (folder / f"part-{host}.jsonl").write_text("\n".join(
                json.dumps({"text": text, **({} if name == "unlabelled" else {"label": label})})
                for label, text in rows))
    for folder in (root / "model", root / "output"):
        folder.mkdir()
    return root


def assert_same_result(ours: Path, theirs: Path) -> None:
    """Models and metrics are the same up to rounding."""
    words, known = ((root / "model/vocabulary.json").read_bytes() for root in (ours, theirs))
    assert words == known
    weights, others = (load_file(root / "model" / "weights.safetensors")
                       for root in (ours, theirs))
    assert weights.keys() == others.keys()
    for name, values in weights.items():
        np.testing.assert_allclose(values.astype(np.float64), others[name].astype(np.float64),
                                   rtol=2e-3, atol=2e-4, err_msg=name)
    metrics, expected = (json.loads((root / "output/data/metrics.json").read_text())
                         for root in (ours, theirs))
    for found, wanted in zip([*metrics["history"], metrics["final"]],
                             [*expected["history"], expected["final"]], strict=True):
        assert found.keys() == wanted.keys()
        np.testing.assert_allclose(list(found.values()), list(wanted.values()), atol=1e-4)
