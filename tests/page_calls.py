"""Calls of the page's interface that several tests make."""

import time

import numpy as np

from dancheong.imaging.files import write_photo
from dancheong.scenes import scene

API = "/api/v1"


def settled(client, seconds=120):
    """The visit when none of its jobs is running."""
    for _ in range(int(seconds / 0.05)):
        visit = client.get("/api/v1/visit").json()
        if all(job["state"] != "running" for job in visit["jobs"]):
            return visit
        time.sleep(0.05)
    raise AssertionError(visit)


def png(seed=4, dtype=np.uint8, size=(64, 48), suffix=".png", folder=None):
    gray = scene(seed, *size)[..., 1]
    path = folder / f"made{suffix}"
    write_photo(path, gray if dtype == np.uint8 else gray.astype(np.uint16) * 257)
    return path.read_bytes()


def bring(client, name, content, **query):
    return client.post(f"{API}/photographs", params={"name": name, **query}, content=content)


def color(client, photographs="rest", **settings):
    return client.post(f"{API}/jobs", json={"photographs": photographs, "recipe": {"model": "model", "settings": settings}})
