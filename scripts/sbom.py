"""Print what is installed where this runs, as a bill of materials that scanners read.

    sbom.py NAME

Run by the Dockerfile, with the image's own Python and its name. Nothing but the standard library,
so that nothing is installed to find out what is installed. The same image gives the same bytes.

Sources: CycloneDX 1.6 (ECMA-424); package URLs (ECMA-427), types deb, pypi and generic.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distributions
from typing import Any
from urllib.parse import quote

_FIELDS = ("${Package}", "${Version}", "${Architecture}", "${source:Package}", "${source:Version}")


def document(name: str) -> dict[str, Any]:
    """The bill of materials of the image `name`."""
    found = [_interpreter(), *_python_packages(), *_debian_packages()]
    components = {component["purl"]: {"bom-ref": component["purl"], **component}
                  for component in found}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name, "bom-ref": name}},
        "components": [components[purl] for purl in sorted(components)],
    }


def _interpreter() -> dict[str, Any]:
    version = platform.python_version()
    return {"type": "application", "name": "python", "version": version,
            "purl": f"pkg:generic/python@{version}",
            "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"}


def _python_packages() -> Iterator[dict[str, Any]]:
    """Those of this environment, and those of the Python that it was made from."""
    places = {sysconfig.get_path("purelib", vars={"base": base})
              for base in (sys.prefix, sys.base_prefix)}
    for package in distributions(path=sorted(places)):
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
        yield {"type": "library", "name": name, "version": package.version,
               "purl": f"pkg:pypi/{name}@{_quoted(package.version)}"}


def _debian_packages() -> Iterator[dict[str, Any]]:
    release = f"debian-{platform.freedesktop_os_release()['VERSION_ID']}"
    listed = subprocess.run(["dpkg-query", "--show", "--showformat", "\t".join(_FIELDS) + "\n"],
                            capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        name, version, architecture, source, source_version = line.split("\t")
        # Debian's own list of vulnerabilities names the source packages.
        origin = _quoted(f"{source}@{source_version}")
        yield {"type": "library", "name": name, "version": version,
               "purl": f"pkg:deb/debian/{_quoted(name)}@{_quoted(version)}?arch={architecture}"
                       f"&distro={release}&upstream={origin}"}


def _quoted(text: str) -> str:
    return quote(text, safe=":")


if __name__ == "__main__":
    json.dump(document(sys.argv[1]), sys.stdout, indent=2)
