"""The container's file: no rights, a health check, and only files that are there; its steps run by tools/check_container.py."""

import json
import re
from pathlib import Path

import pytest
import yaml
from check_container import DOCKERFILE, read_stages

ROOT = Path(__file__).resolve().parents[2]
STAGES = read_stages(DOCKERFILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["page", "cuda"])
def test_what_is_started_has_no_rights_and_copies_nothing_of_the_source(name):
    steps = STAGES[name].steps
    assert [rest for word, rest in steps if word == "USER"] == ["1000:1000"]
    assert all(rest.startswith("--from=") for word, rest in steps if word == "COPY")
    assert steps.index(("USER", "1000:1000")) > max(place for place, (word, _) in enumerate(steps) if word == "RUN")


def test_the_page_tells_its_health_and_is_the_stage_that_is_built_unasked():
    last = dict(STAGES["page"].steps)
    assert list(STAGES)[-1] == "page"
    assert json.loads(last["HEALTHCHECK"].partition(" CMD ")[2])[0] == "python3"
    assert json.loads(last["ENTRYPOINT"]) == ["dancheong"]


def test_what_is_copied_is_there_and_is_not_ignored():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for stage in STAGES.values() for step, rest in stage.steps if step == "COPY" and "--from" not in rest
              for word in rest.split()[:-1]}
    assert copied == allowed
    assert all((ROOT / word).exists() for word in copied)


def test_the_lock_names_one_version_of_everything_that_is_needed():
    lines = [line for line in (ROOT / "deploy" / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 20
    assert all(re.fullmatch(r"[a-z0-9._-]+==[\w.+!]+", line) for line in lines)
    names = {line.partition("==")[0] for line in lines}
    assert {"numpy", "onnxruntime", "pyvips-binary", "fastapi", "psycopg", "pi-heif", "imagecodecs"} <= names
    assert "torch" not in names


def test_the_compose_file_gives_no_rights_and_no_password():
    page = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]["page"]
    assert page["read_only"]
    assert page["cap_drop"] == ["ALL"]
    assert page["build"]["target"] in STAGES
    assert all(port.startswith("127.0.0.1:") for port in page["ports"])
    assert "PASSWORD:?" in (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
