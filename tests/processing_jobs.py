"""The tree of a processing job as the platform lays it out, for one host of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contract.paths import Paths

Files = Mapping[str, str | bytes]


def lay_out(root: Path, inputs: Mapping[str, Files], outputs: Sequence[str] = ("output",), *,
            hosts: Sequence[str] = ("algo-1",), sharded: Iterable[str] = ()) -> Path:
    """Write inputs, empty outputs and configuration for the first of `hosts`; returns `root`."""
    paths = Paths(root)
    for name, files in inputs.items():
        (paths.processing / "input" / name).mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            path = paths.processing / "input" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    for name in outputs:
        (paths.processing / name).mkdir(parents=True)
    paths.message.parent.mkdir()
    write_config(root, request(inputs, outputs, sharded))
    (paths.processing_config / "resourceconfig.json").write_text(json.dumps(
        {"current_host": hosts[0], "hosts": list(hosts), "network_interface_name": "eth0",
         "current_instance_type": "ml.m5.xlarge"}))
    return root


def write_config(root: Path, config: Mapping[str, Any]) -> None:
    folder = Paths(root).processing_config
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "processingjobconfig.json").write_text(json.dumps(config))


def request(inputs: Iterable[str], outputs: Iterable[str],
            sharded: Iterable[str] = ()) -> dict[str, Any]:
    """What the platform says of the job, as far as its creator decides it."""
    shards = set(sharded)
    return {
        "ProcessingJobName": "reviews", "AppSpecification": {"ImageUri": "image"},
        "ProcessingInputs": [{"InputName": name, "AppManaged": False, "S3Input": {
            "LocalPath": f"/opt/ml/processing/input/{name}", "S3Uri": f"s3://bucket/{name}",
            "S3DataType": "S3Prefix", "S3InputMode": "File", "S3CompressionType": "None",
            "S3DataDistributionType": "ShardedByS3Key" if name in shards else "FullyReplicated",
        }} for name in inputs],
        "ProcessingOutputConfig": {"KmsKeyId": None, "Outputs": [
            {"OutputName": name, "AppManaged": False, "S3Output": {
                "LocalPath": f"/opt/ml/processing/{name}", "S3Uri": f"s3://bucket/out/{name}",
                "S3UploadMode": "EndOfJob"}} for name in outputs]},
    }


def lines(folder: Path) -> list[dict[str, Any]]:
    """The rows of all JSON Lines below a folder, in the order of the files."""
    return [json.loads(line) for path in sorted(folder.rglob("*.jsonl"))
            for line in path.read_bytes().splitlines()]
