"""Run each step of deploy/Dockerfile in a clean root, where there is no Docker; then start it as it will be started.

    python tools/check_container.py ROOT [--stage page] [--work DIR] [--volume DIR:/scans --run "predict /scans -o /data/out"]

ROOT is a folder with an unpacked base: Debian with python3 and python3-venv, as `debootstrap --variant=minbase
--include=python3,python3-venv,ca-certificates bookworm ROOT` makes it. It stays as it is: each stage works on a copy. Needs
root (chroot, unshare). At the end the entry point runs as the file's user on a read-only root, until its health check is met;
then each further command does.
What this cannot show: that the base image named in the file has what ROOT has, and Docker's own network and limits.
"""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from clean_root import Root

SOURCE = Path(__file__).resolve().parent.parent
DOCKERFILE = SOURCE / "deploy" / "Dockerfile"
TRIES = 60


@dataclass
class Stage:
    """A stage of the file: where it begins, its steps, and what it tells of how to start it."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    last: dict[str, str] = field(default_factory=dict)


def read_stages(text: str) -> dict[str, Stage]:
    """The stages of a Dockerfile, by name."""
    stages: dict[str, Stage] = {}
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    for line in filter(None, map(str.strip, lines)):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = stages[name] = Stage(name, base)
        else:
            stage.steps.append((word, rest))
    return stages


def build(stage: Stage, base: Path, stages: dict[str, Stage], work: Path) -> Path:
    """Make the root of a stage, and of those that it needs."""
    root = work / stage.name
    if root.exists():
        return root
    below = build(stages[stage.base], base, stages, work) if stage.base in stages else base
    if stage.base in stages:
        stage.env, stage.folder, stage.user = {**stages[stage.base].env}, stages[stage.base].folder, stages[stage.base].user
    subprocess.run(["cp", "--archive", "--reflink=auto", below, root], check=True)
    inside = Root(root)
    inside.lend()
    for word, rest in stage.steps:
        print(f"{stage.name}: {word} {rest[:90]}", flush=True)
        match word:
            case "RUN":
                began = time.monotonic()
                inside.run(f"cd {stage.folder} && {rest}", stage.user, **stage.env)
                print(f"    {time.monotonic() - began:.0f} s", flush=True)
            case "COPY":
                copy(rest.split(), root, stage, base, stages, work)
            case "WORKDIR":
                stage.folder = rest
                (root / rest[1:]).mkdir(parents=True, exist_ok=True)
            case "ENV":
                stage.env |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "USER":
                stage.user = rest
            case _:
                stage.last[word] = rest
    return root


def copy(words: list[str], root: Path, stage: Stage, base: Path, stages: dict[str, Stage], work: Path) -> None:
    """A COPY step, from the source or from another stage."""
    origin = SOURCE
    if words[0].startswith("--from="):
        origin = build(stages[words.pop(0).partition("=")[2]], base, stages, work)
    target = root / str(Path(stage.folder, words[-1]))[1:]
    for word in words[:-1]:
        place = origin / word.lstrip("/")
        if place.is_dir():
            shutil.copytree(place, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(place, target)


def read_only(root: Path, stage: Stage, volumes: dict[Path, str]) -> str:
    """Shell commands that make a root read-only for a process to come, but for /tmp and volumes, and see that it is."""
    place, user = shlex.quote(str(root)), shlex.quote(stage.user)
    commands = [f"mount --bind {place} {place}", f"mount -t tmpfs -o mode=1777 tmpfs {place}/tmp"]
    for outside, inside in volumes.items():
        target = root / inside[1:]
        target.mkdir(parents=True, exist_ok=True)
        commands.append(f"mkdir -p {outside} && chown {user} {outside} && mount --bind {outside} {shlex.quote(str(target))}")
    return " && ".join([*commands, f"mount -o remount,bind,ro {place}", f"! touch {place}/etc/written 2> /dev/null"])


def start(root: Path, stage: Stage, before: str) -> bool:
    """Start the stage and wait for its health check."""
    words = json.loads(stage.last["ENTRYPOINT"]) + json.loads(stage.last["CMD"])
    check = json.loads(stage.last["HEALTHCHECK"].partition(" CMD ")[2])
    inside = Root(root)
    begin = inside.words(f"cd {stage.folder} && exec {shlex.join(words)}", stage.user, before)
    running = subprocess.Popen(begin, env=stage.env, stdout=subprocess.PIPE)
    try:
        for _ in range(TRIES):
            if running.poll() is not None:
                break
            met = subprocess.run(inside.words(shlex.join(check), stage.user), env=stage.env, stderr=subprocess.DEVNULL)
            if met.returncode == 0:
                return True
            time.sleep(2)
        return False
    finally:
        running.kill()
        running.wait()


def run(root: Path, stage: Stage, before: str, words: str) -> int:
    """Run a command as `docker run IMAGE COMMAND` does, in place of the one that the file names; its exit code."""
    command = f"cd {stage.folder} && exec {shlex.join(json.loads(stage.last['ENTRYPOINT']))} {words}"
    return subprocess.run(Root(root).words(command, stage.user, before), env=stage.env).returncode


def main() -> int:
    """The exit code: 0 where all steps ran and the health check was met."""
    parser = argparse.ArgumentParser(description="Run each step of deploy/Dockerfile in a clean root.")
    parser.add_argument("root", type=Path, help="an unpacked base: Debian with python3 and python3-venv")
    parser.add_argument("--stage", default="page")
    parser.add_argument("--work", type=Path, default=SOURCE / "build" / "container")
    parser.add_argument("--volume", action="append", default=[], metavar="OUTSIDE:INSIDE")
    parser.add_argument("--run", action="append", default=[], metavar="COMMAND", help="after the health check")
    words = parser.parse_args()
    shutil.rmtree(words.work, ignore_errors=True)
    words.work.mkdir(parents=True)
    stages = read_stages(DOCKERFILE.read_text(encoding="utf-8"))
    stage = stages[words.stage]
    root = build(stage, words.root.resolve(), stages, words.work.resolve())
    if stage.user.partition(":")[0] in ("", "0", "root"):
        print("the stage runs as root")
        return 1
    volumes = {Path(f"{root}.data"): "/data"}
    volumes |= {Path(outside).resolve(): inside for outside, _, inside in (one.partition(":") for one in words.volume)}
    before = read_only(root, stage, volumes)
    if "HEALTHCHECK" in stage.last:
        healthy = start(root, stage, before)
        print("healthy" if healthy else "NOT healthy", "as user", stage.user, "on a read-only root", flush=True)
    else:
        healthy = True
    codes = [run(root, stage, before, command) for command in words.run]
    print("exit codes of further commands:", codes)
    return 0 if healthy and not any(codes) else 1


if __name__ == "__main__":
    sys.exit(main())
