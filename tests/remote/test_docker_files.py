"""What the files of the container name is there: paths, variables, extras and the port."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml: Any = pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
FILE = DOCKER / "Dockerfile"
SOURCE = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """The instructions, each in one line."""
    if not FILE.exists():
        pytest.skip("the container's files are not in this copy")
    whole = FILE.read_text().replace("\\\n", " ")
    return [line for line in whole.splitlines() if line.strip() and not line.startswith("#")]


def of(lines: list[str], word: str) -> list[str]:
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{word} ")]


def test_all_that_is_copied_is_there_and_sent_to_the_builder(lines: list[str]) -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().split()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {name for line in of(lines, "COPY") for name in line.split()[:-1]}
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {told["project"]["readme"], *told["project"]["license-files"], "pyproject.toml"}
    wheel = told["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed |= {name.partition("/")[0] for name in (*wheel["packages"], *wheel["force-include"])}
    assert needed <= copied, "else the package cannot be built in the container"


def test_the_package_and_its_module_are_called_so(lines: list[str]) -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extra,) = re.findall(r'pip install "\.\[(\w+)\]"', " ".join(of(lines, "RUN")))
    assert extra in told["optional-dependencies"]
    set_here = dict(re.findall(r"(\w+)=(\S+)", " ".join(of(lines, "ENV"))))
    assert set_here["DEEPAAS_V2_MODEL"] in told["entry-points"]["deepaas.v2.model"]
    floor = re.findall(r"python:(\d+\.\d+)", of(lines, "FROM")[0])
    assert told["requires-python"] == f">={floor[0]}"


def test_its_variables_and_folders_mean_something(lines: list[str]) -> None:
    set_here = dict(re.findall(r"(\w+)=(\S+)", " ".join(of(lines, "ENV"))))
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["phenoai"]
    named = {*set_here, *compose["environment"]}
    assert [name for name in named if name.startswith("PHENOAI_") and name not in SOURCE] == []
    volumes = set(re.findall(r'"(/\w+)"', of(lines, "VOLUME")[0]))
    places = {set_here[name] for name in ("PHENOAI_MODELS", "PHENOAI_HOME", "PHENOAI_STORAGE")}
    mounted = {entry.split(":")[1] for entry in compose["volumes"]}
    assert volumes == places == mounted
    (port,) = of(lines, "EXPOSE")
    assert compose["ports"] == [f"127.0.0.1:{port}:{port}"], "on this machine only"
    assert f"--listen-port {port}" in of(lines, "CMD")[0]
    assert f":{port}/v2/models/" in of(lines, "HEALTHCHECK")[0]
    assert (DOCKER / compose["build"]["context"]).resolve() == ROOT
    assert (ROOT / compose["build"]["dockerfile"]) == FILE
