"""Many visitors at once: each uploads a photograph and presses Color, over HTTP as the page does it.

All must be served or refused in words, the server's memory must stay bounded, and nothing may be left behind.

    python benchmarks/bench_web.py [--model MODEL.h5] [--clients 50] [--line 8] [--megapixels 3]

The last line is one JSON object.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from dancheong.imaging.files import write_photo
from dancheong.params import Params
from dancheong.scenes import scene, write_scenes

TINY = {"resol": 64, "ngf": 8, "ndf": 8,
        "encoder": "unet", "depth": 4, "patch_size": "16", "epochs": 1, "batch_size": 2, "device": "cpu"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--line", type=int, default=8)
    parser.add_argument("--megapixels", type=float, default=3.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        result = bench(options, options.model or tiny_model(scratch), photographs(scratch, options), scratch)
    print(json.dumps(result))


def tiny_model(scratch: Path) -> Path:
    """A model that was trained for a moment: what it colors does not matter here."""
    from dancheong.training.loop import train

    write_scenes(scratch / "scenes", 4, 1, 128, 96)
    train(scratch / "scenes", scratch / "tiny.h5", Params(**TINY))
    return scratch / "tiny.h5"


def photographs(scratch: Path, options: argparse.Namespace) -> list[Path]:
    """One for each visitor, no two the same."""
    width = round((options.megapixels * 1e6 * 4 / 3) ** 0.5)
    gray = scene(42, width, round(width * 3 / 4))[..., 1]
    paths = [scratch / f"경복궁 {number}.png" for number in range(options.clients)]
    for number, path in enumerate(paths):
        mine = gray.copy()
        mine[0, : number + 1] = np.arange(number + 1)
        write_photo(path, mine)
    return paths


def bench(options: argparse.Namespace, model: Path, photos: list[Path], scratch: Path) -> dict[str, Any]:
    """Serve, visit, watch the memory, look at what is left."""
    place = scratch / "server"
    place.mkdir()
    command = [sys.executable, "-m", "dancheong", "serve", "--port", "0", "--model", str(model), "--line", str(options.line)]
    with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(place)}, stdout=subprocess.PIPE, text=True) as server:
        address = server.stdout.readline().strip() if server.stdout else ""
        before_mb, memory_mb, ended = resident_mb(server.pid), [], threading.Event()
        watcher = threading.Thread(target=watch_memory, args=(server.pid, memory_mb, ended))
        watcher.start()
        began = time.monotonic()
        answers = asyncio.run(visit_all(address, photos))
        seconds = time.monotonic() - began
        ended.set()
        watcher.join()
        after_mb, left = resident_mb(server.pid), files_below(place)
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
    kinds = Counter(kind for kind, _ in answers)
    refusals = sorted({text for kind, text in answers if kind != "served"})
    return {
        "clients": len(photos), "megapixels": options.megapixels, "line": options.line, **{kind: kinds[kind] for kind in
        ("served", "refused", "failed")}, "refusals": refusals, "seconds": round(seconds, 1), "memory_before_mb": before_mb,
        "memory_peak_mb": max(memory_mb, default=0), "memory_after_mb": after_mb, "uploaded_mb":
        round(sum(path.stat().st_size for path in photos) / 1e6, 1), "files_left_after_removing": left,
        "folders_left_after_the_end": len(list(place.iterdir())),
    }


async def visit_all(address: str, photos: list[Path]) -> list[tuple[str, str]]:
    """(served | refused | failed, what was said) of each."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=f"{address}api/v1", timeout=600, limits=limits) as client:
        return await asyncio.gather(*(visit(client, photo) for photo in photos))


async def visit(client: httpx.AsyncClient, photo: Path) -> tuple[str, str]:
    """One visitor: uploads, colors, fetches the result and removes the visit."""
    mine = {"visit": secrets.token_urlsafe(18)}
    try:
        answer = await client.post("/photographs", params={"name": photo.name}, content=photo.read_bytes(), headers=mine)
        if answer.status_code != 201:
            return "refused", answer.json()["message"]
        order = {"photographs": "all", "recipe": {"model": (await client.get("/models", headers=mine)).json()[0]["name"]}}
        answer = await client.post("/jobs", json=order, headers=mine)
        if answer.status_code == 201:
            await ended(client, mine)
            result = await client.get("/photographs/1/result", headers=mine)
            good = result.status_code == 200 and result.content.startswith(b"\x89PNG")
            told = ("served", "") if good else ("failed", f"result {result.status_code}")
        else:
            told = "refused", answer.json()["message"]
        await client.delete("/visit", headers=mine)
        return told
    except httpx.HTTPError as error:
        return "failed", f"{type(error).__name__}: {error}"


async def ended(client: httpx.AsyncClient, mine: dict[str, str]) -> None:
    """Wait for the job, told of changes by events, as the page is."""
    async with client.stream("GET", "/events", headers=mine) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:") and (await client.get("/jobs", headers=mine)).json()[0]["state"] != "running":
                return


def watch_memory(process: int, memory_mb: list[int], ended: threading.Event) -> None:
    while not ended.wait(0.05):
        memory_mb.append(resident_mb(process))


def resident_mb(process: int) -> int:
    """Resident memory in MB of 10^6 bytes (Linux)."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return round(int(match[1]) * 1024 / 1e6) if match else 0


def files_below(place: Path) -> int:
    # os.walk does not mind a folder that is removed meanwhile.
    return sum(len(names) for _, _, names in os.walk(place))


if __name__ == "__main__":
    main()
