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
PAGE = "/en"


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
        waited = wait_until_gone(place)
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
        round(sum(path.stat().st_size for path in photos) / 1e6, 1), "files_left_after_leaving": left,
        "seconds_until_removed": waited, "folders_left_after_the_end": len(list(place.iterdir())),
    }


async def visit_all(address: str, photos: list[Path]) -> list[tuple[str, str]]:
    """(served | refused | failed, what was said) of each."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:
        config = (await client.get(f"{PAGE}/config")).json()
        return await asyncio.gather(*(visit(client, config, photo, number) for number, photo in enumerate(photos)))


async def visit(client: httpx.AsyncClient, config: dict[str, Any], photo: Path, number: int) -> tuple[str, str]:
    """One visitor: the page stays open (heartbeat) until the result is there, and is fetched."""
    session = f"bench{number:03d}"
    try:
        async with client.stream("GET", f"{PAGE}/gradio_api/heartbeat/{session}"):
            answer = await client.post(f"{PAGE}/gradio_api/upload", files={"files": (photo.name, photo.read_bytes())})
            if answer.status_code != 200:
                return "refused", answer.text
            function, data = color_call(config, answer.json()[0], photo)
            body = {"fn_index": function, "data": data, "session_hash": session}
            answer = await client.post(f"{PAGE}/gradio_api/queue/join", json=body)
            if answer.status_code != 200:
                return "refused", answer.text
            status, shown = await outcome(client, session)
            items = json.loads(shown or '{"items": []}')["items"]
            if "status good" not in status or not items:
                return ("refused" if "status bad" in status else "failed"), re.sub("<[^>]+>", "", status)
            result = await client.get(items[0]["download"])
            good = result.status_code == 200 and result.content.startswith(b"\x89PNG")
            return ("served", "") if good else ("failed", f"result {result.status_code}")
    except httpx.HTTPError as error:
        return "failed", f"{type(error).__name__}: {error}"


def color_call(config: dict[str, Any], path: str, photo: Path) -> tuple[int, list[Any]]:
    """The number of the function behind the button Color, and what its fields hold on a fresh page."""
    components = {one["id"]: one for one in config["components"]}
    button = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "color")
    call = next(one for one in config["dependencies"] if [button, "click"] in one["targets"])
    data = []
    for number in call["inputs"]:
        component = components[number]
        value = component["props"].get("value")
        if component["props"].get("elem_id") == "drop":
            value = [{"path": path, "orig_name": photo.name, "meta": {"_type": "gradio.FileData"}}]
        data.append(None if component["type"] == "state" else value)
    return call["id"], data


async def outcome(client: httpx.AsyncClient, session: str) -> tuple[str, str]:
    """The last status and the last content of the viewer that were sent."""
    status = shown = ""
    async with client.stream("GET", f"{PAGE}/gradio_api/queue/data", params={"session_hash": session}) as stream:
        async for line in stream.aiter_lines():
            if not line.startswith("data:"):
                continue
            message = json.loads(line.removeprefix("data:"))
            sent = (message.get("output") or {}).get("data") or []
            if message["msg"] == "process_generating" and sent:
                status, shown = apply(status, sent[0]), apply(shown, sent[1])
            if message["msg"] == "process_completed":
                if not message["success"]:
                    return f"<p>failed: {message.get('output')}", ""
                return status, shown
            if message["msg"] == "close_stream":
                break
    return status, shown


def apply(before: str, sent: Any) -> str:
    """A value as it was sent: whole, as changes to the value before, or not at all."""
    if isinstance(sent, str):
        return sent
    if isinstance(sent, list):  # [[operation, path, value], ...]; a text is only ever replaced or added to
        for operation, _, value in sent:
            before = before + value if operation == "append" else value if operation == "replace" else before
    return before


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


def wait_until_gone(place: Path, most_s: float = 180.0) -> float | None:
    """Seconds until no file is left although the server still runs; None where some stay."""
    began = time.monotonic()
    while time.monotonic() - began < most_s:
        if files_below(place) == 0:
            return round(time.monotonic() - began, 1)
        time.sleep(0.5)
    return None


if __name__ == "__main__":
    main()
