"""A real Docker client pushes to a registry stand-in, which tells moto's ECR what it got."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cloud import journey
from cloud.account import Account

import pytest

import registry
from accounts import PROJECT, Script
from image.engine import Engine
from registry import Manifest, Registry

MakeImage = Callable[..., str]


@pytest.fixture
def ecr(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry in the place of ECR's, with the password that ECR gives out."""
    client = account.client("ecr")
    # moto's token: user and password in base64.
    with registry.running("AWS", f"{account.id}-auth-token") as started:
        started.tell = lambda manifest: client.put_image(
            repositoryName=manifest.repository, imageTag=manifest.tag,
            imageManifest=manifest.content.decode(), imageDigest=manifest.digest,
            imageManifestMediaType=manifest.media_type)
        monkeypatch.setattr(Account, "registry", started.host)
        yield started


@pytest.fixture
def make_image(engine: Engine, ecr: Registry, tmp_path: Path,
               monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeImage]:
    """Makes a local image of one small file and nothing else; all are removed at the end."""
    monkeypatch.setenv("DOCKER", engine.client)
    made: list[str] = []

    def make(content: str = "one", architecture: str = "amd64") -> str:
        name = f"sentiment-push-test:{len(made)}"
        layer = _tar({"content": content.encode()})
        config = {"os": "linux", "architecture": architecture, "config": {},
                  "rootfs": {"type": "layers", "diff_ids": [registry.digest_of(layer)]}}
        about = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
        # As `docker save` would have written it.
        file = tmp_path / "image.tar"
        file.write_bytes(_tar({"layer.tar": layer, "config.json": json.dumps(config).encode(),
                               "manifest.json": json.dumps(about).encode()}))
        engine.must("load", "--input", str(file))
        made.append(name)
        return name

    yield make
    pushed = engine.must("images", "--format", "{{.Repository}}:{{.Tag}}",
                         f"{ecr.host}/{PROJECT}").split()
    engine("rmi", "--force", *pushed, *made)


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _images(account: Account) -> dict[str, dict[str, Any]]:
    """What ECR has, by tag."""
    found = account.client("ecr").describe_images(repositoryName=PROJECT)["imageDetails"]
    return {tag: image for image in found for tag in image["imageTags"]}


def test_the_image_arrives_under_a_moving_and_a_fixed_tag(
        account: Account, script: Script, ecr: Registry, make_image: MakeImage,
        engine: Engine) -> None:
    image = make_image()
    done = script("push_image", "cpu", "--image", image)
    assert (done.status, done.err) == (0, "")
    manifest, = ecr.manifests
    tags = {"cpu", f"cpu-{engine.inspect(image)['Id'][7:19]}"}
    assert {tag: found["imageDigest"] for tag, found in _images(account).items()} == (
        dict.fromkeys(tags, manifest.digest))
    assert f"made    {ecr.host}/{PROJECT}@{manifest.digest}\n" in done.out


def test_the_next_scripts_take_just_this_image(
        account: Account, script: Script, ecr: Registry, make_image: MakeImage) -> None:
    script("push_image", "gpu", "--image", make_image())
    assert journey.image(account, "gpu") == f"{ecr.host}/{PROJECT}@{ecr.manifests[0].digest}"


def test_the_repository_is_scanned_encrypted_tagged_and_cleared(
        account: Account, script: Script, make_image: MakeImage) -> None:
    script("push_image", "cpu", "--image", make_image())
    client = account.client("ecr")
    made, = client.describe_repositories(repositoryNames=[PROJECT])["repositories"]
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert client.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == account.tags
    policy = json.loads(client.get_lifecycle_policy(repositoryName=PROJECT)["lifecyclePolicyText"])
    assert [rule["selection"]["tagStatus"] for rule in policy["rules"]] == ["untagged"]


def test_only_the_moving_tags_can_be_moved(
        account: Account, script: Script, make_image: MakeImage) -> None:
    script("push_image", "cpu", "--image", make_image())
    made, = account.client("ecr").describe_repositories(repositoryNames=[PROJECT])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    movable = made["imageTagMutabilityExclusionFilters"]
    assert [tag["filter"] for tag in movable] == ["cpu", "gpu"]


def test_the_same_image_is_not_pushed_again(
        script: Script, ecr: Registry, make_image: MakeImage) -> None:
    image = make_image()
    script("push_image", "cpu", "--image", image)
    done = script("push_image", "cpu", "--image", image)
    assert done.status == 0 and "is there already" in done.out
    assert len(ecr.manifests) == 1


def test_the_moving_tag_follows_the_latest_push_also_back_to_an_older_image(
        account: Account, script: Script, ecr: Registry, make_image: MakeImage) -> None:
    older, newer = make_image("one"), make_image("two")
    moves = []
    for image in (older, newer, older):
        assert script("push_image", "cpu", "--image", image).status == 0
        moves.append(_images(account)["cpu"]["imageDigest"])
    assert moves == [ecr.manifests[0].digest, ecr.manifests[1].digest, ecr.manifests[0].digest]
    assert len(_images(account)) == 3


def test_a_repository_and_a_policy_that_are_there_are_left_as_they_are(
        account: Account, script: Script, make_image: MakeImage) -> None:
    client = account.client("ecr")
    client.create_repository(repositoryName=PROJECT)
    policy = json.dumps({"rules": [{
        "rulePriority": 7, "action": {"type": "expire"},
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 50}}]})
    client.put_lifecycle_policy(repositoryName=PROJECT, lifecyclePolicyText=policy)
    assert script("push_image", "cpu", "--image", make_image()).status == 0
    kept, = client.describe_repositories(repositoryNames=[PROJECT])["repositories"]
    assert kept["imageTagMutability"] == "MUTABLE"
    assert client.get_lifecycle_policy(repositoryName=PROJECT)["lifecyclePolicyText"] == policy


def test_docker_keeps_no_password(script: Script, ecr: Registry, make_image: MakeImage,
                                  tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    assert script("push_image", "cpu", "--image", make_image()).status == 0
    assert (tmp_path / "docker" / "config.json").read_text() == "{}"
    assert len(list((tmp_path / "docker").rglob("*"))) == 1


def test_an_image_for_another_processor_is_refused_before_anything_is_made(
        account: Account, script: Script, make_image: MakeImage) -> None:
    done = script("push_image", "cpu", "--image", make_image(architecture="arm64"))
    assert done.status == 1
    assert "is built for linux/arm64, and SageMaker runs linux/amd64" in done.err
    assert account.client("ecr").describe_repositories()["repositories"] == []


def test_an_index_of_platforms_never_becomes_the_image_of_later_scripts(
        account: Account, script: Script, ecr: Registry, make_image: MakeImage) -> None:
    tell = ecr.tell
    # As ECR would call what a client with attestations pushes; this one makes none.
    ecr.tell = lambda manifest: tell(manifest._replace(
        media_type="application/vnd.oci.image.index.v1+json"))
    done = script("push_image", "cpu", "--image", make_image())
    assert done.status == 1
    assert "which SageMaker refuses" in done.err and "--provenance=false" in done.err
    assert "cpu" not in _images(account)


def test_another_image_in_ecr_than_was_pushed_is_noticed(
        account: Account, script: Script, ecr: Registry, make_image: MakeImage) -> None:
    tell = ecr.tell

    def tell_another(manifest: Manifest) -> None:
        other = json.dumps({**json.loads(manifest.content), "config": {}}).encode()
        tell(manifest._replace(content=other))

    ecr.tell = tell_another
    done = script("push_image", "cpu", "--image", make_image())
    assert done.status == 1 and "ECR has not got what was pushed" in done.err
    assert "cpu" not in _images(account)


def test_a_size_that_serverless_endpoints_do_not_take_is_noted(
        script: Script, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("push_image.SERVERLESS_GB", 0)
    done = script("push_image", "cpu", "--image", make_image())
    assert done.status == 0
    assert "0.0 GB; serverless endpoints take at most 0" in done.out


def test_a_refused_login_is_said_in_dockers_words(
        script: Script, ecr: Registry, make_image: MakeImage) -> None:
    ecr.authorization = "Basic another"
    done = script("push_image", "cpu", "--image", make_image())
    assert done.status == 1
    assert "`" in done.err and "login --username AWS --password-stdin" in done.err
    assert "401" in done.err or "unauthorized" in done.err.lower()


def test_an_image_that_is_not_there_is_named(
        aws: str, script: Script, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER", engine.client)
    done = script("push_image", "cpu", "--image", "nobody:made-this")
    assert done.status == 1 and "No such image: nobody:made-this" in done.err


def test_without_docker_it_is_said_what_to_install(
        aws: str, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER", "no-such-client")
    done = script("push_image", "cpu", "--image", "sentiment:cpu")
    assert done.status == 1
    assert "there is no program 'no-such-client'; install Docker" in done.err


@pytest.mark.parametrize(("kind", "target"), [("cpu", "image"), ("gpu", "image-gpu")])
def test_a_dry_run_without_an_account_shows_every_request_and_every_command(
        kind: str, target: str, no_account: None, script: Script,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER", "docker")
    done = script("push_image", kind, "--dry-run")
    assert done.status == 0
    assert done.sent == ["ecr CreateRepository", "ecr PutLifecyclePolicy", "ecr PutImage"]
    commands = [line.split()[2:] for line in done.out.splitlines() if line.startswith("would run")]
    assert [words[:2] for words in commands] == [
        ["make", "--no-print-directory"], ["docker", "login"], ["docker", "tag"],
        ["docker", "push"]]
    assert target in commands[0] and commands[2][2] == f"sentiment:{kind}"
    # What it would run is what builds the image.
    build = subprocess.run([*commands[0], "--dry-run"], capture_output=True, text=True, check=True,
                           env={"PATH": os.environ["PATH"]})
    assert build.stdout.startswith(f"scripts/build.sh sentiment:{kind} ")
