"""What the image is made of: its bill of materials is true, and it can do no more than it must."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from image.engine import SOMEBODY, Container, Engine, Image

PLACE = "/usr/share/doc/sentiment/sbom.cdx.json"
INSTALLERS = {("pypi", "pip"), ("pypi", "setuptools")}
"""They come with the base's Python as well, maybe in another version."""

# What each command finds should not be there.
STRAY_RIGHTS = {
    "programs that run as somebody else": "find / -xdev -type f -perm /6000",
    "programs with rights of their own":
        "python3 -c \"import os; [print(path) for folder, _, names in os.walk('/') "
        "if not folder.startswith(('/proc', '/sys')) for name in names "
        "if os.path.isfile(path := os.path.join(folder, name)) "
        "and 'security.capability' in os.listxattr(path, follow_symlinks=False)]\"",
    "files that somebody else than root owns": "find / -xdev '(' -uid +0 -o -nouser ')' "
        "-not -path '/var/cache/apt/*' -not -path '/var/lib/apt/*'",
}
STRAY_SECRETS = {
    "files for keys and passwords":
        "find / -xdev '(' -name 'id_[rd]sa*' -o -name 'id_ed25519*' -o -name .netrc -o "
        "-name .pypirc -o -name .git -o -name .env -o -name .aws -o -name .docker ')'",
    "private keys and access keys":
        "grep -rIlE 'BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}' /opt /root /etc /home /srv",
    "passwords in addresses":
        "grep -rIhoE 'https?://[^/[:space:]:@]+:[^/[:space:]:@]+@' /opt/program /etc /root",
}


@pytest.fixture(scope="module")
def inside(image: Image) -> Iterator[Container]:
    """A container that does nothing, to look round in."""
    with image.start("tail", "-f", "/dev/null") as container:
        yield container


@pytest.fixture(scope="module")
def text(inside: Container) -> str:
    done = inside.execute("cat", PLACE)
    assert done.status == 0, done
    return done.out


@pytest.fixture(scope="module")
def listed(text: str) -> set[tuple[str, str, str]]:
    """Type, name and version of each component, as its package URL has them."""
    components: list[dict[str, Any]] = json.loads(text)["components"]
    urls = [PackageURL.from_string(component["purl"]) for component in components]
    return {(url.type, url.name, url.version or "") for url in urls}


def test_the_bill_of_materials_is_cyclonedx(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_every_package_url_is_as_scanners_write_it(text: str) -> None:
    urls = [component["purl"] for component in json.loads(text)["components"]]
    assert urls == [PackageURL.from_string(url).to_string() for url in urls]
    assert [url for url in urls if url.startswith("pkg:deb/") and "upstream=" not in url] == []


def test_it_lists_just_the_python_packages_that_are_there(
        inside: Container, listed: set[tuple[str, str, str]]) -> None:
    found = json.loads(inside.execute("pip", "list", "--format", "json").out)
    there = {("pypi", re.sub(r"[-_.]+", "-", row["name"]).lower(), row["version"])
             for row in found}
    assert len(there) > 20 and there <= listed
    extra = {row[:2] for row in listed - there if row[0] == "pypi"}
    assert extra <= INSTALLERS


def test_it_lists_just_the_debian_packages_that_are_there(
        inside: Container, listed: set[tuple[str, str, str]]) -> None:
    found = inside.execute("dpkg-query", "--show").out
    there = {("deb", *line.replace(":amd64", "").split("\t")) for line in found.splitlines()}
    assert {row for row in listed if row[0] == "deb"} == there
    assert len(there) > 50


def test_it_lists_the_python_that_runs(
        inside: Container, listed: set[tuple[str, str, str]]) -> None:
    version = inside.execute("python", "--version").out.split()[1]
    assert ("generic", "python", version) in listed


def test_what_is_installed_has_all_that_it_needs(inside: Container) -> None:
    """The locks are installed as they are, with nothing looked for besides."""
    done = inside.execute("pip", "check")
    assert (done.status, done.out) == (0, "No broken requirements found.\n")


@pytest.mark.parametrize("command", [*STRAY_RIGHTS.values(), *STRAY_SECRETS.values()],
                         ids=[*STRAY_RIGHTS, *STRAY_SECRETS])
def test_there_are_no(inside: Container, command: str) -> None:
    done = inside.execute("bash", "-c", f"{command} | head -20")
    assert (done.out, done.err) == ("", "")


@pytest.mark.parametrize("user", [SOMEBODY, f"{SOMEBODY}:{SOMEBODY}"],
                         ids=["of root's group", "of none"])
def test_an_unknown_user_can_write_only_where_nothing_is_run(image: Image, user: str) -> None:
    done = image.run("find", "/", "-xdev", "-writable", "-not", "-type", "l",
                     options=["--user", user])
    assert sorted(done.out.split()) == ["/run/lock", "/tmp", "/var/tmp"]


def test_nothing_of_the_build_is_told(engine: Engine, image: Image) -> None:
    """An index that was asked may have had a password in its address."""
    config = engine.inspect(image.tag)["Config"]
    assert [line for line in config["Env"] if re.search(r"(?i)pip|index|token|secret|passw", line)
            ] == []
    history = engine.must("history", "--no-trunc", "--format", "{{.CreatedBy}}", image.tag)
    ours = history.partition("CMD [\"python3\"]")[0]
    assert "torch" in ours and not re.search(r"TORCH_INDEX|://", ours)
