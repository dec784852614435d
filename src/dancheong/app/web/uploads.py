"""Uploads: the body of a request becomes photographs of a visit, a model, or the photographs of a training."""

import shutil
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

from dancheong.app.web.problems import Problem, Refused, problem_of
from dancheong.app.web.services import Services
from dancheong.app.web.training_photos import top_folder
from dancheong.app.web.unpack import unpack
from dancheong.app.web.visits import MAX_PHOTOGRAPHS, Photograph, Visit, Visits
from dancheong.imaging.files import PhotoError, list_photos, read_size
from dancheong.imaging.formats import READ_SUFFIXES, format_of

Made = TypeVar("Made")
_FOLDERS = 8  # of a photograph's folders so many stay in its name
SILENCE_SECONDS = 120.0  # a line on which nothing comes for longer is dead
# Of the uploads that are being added: the page sends one again whose answer did not come.
_ADDING: WeakValueDictionary[tuple[str, str], threading.Lock] = WeakValueDictionary()


async def received(request: Request, services: Services, use: Callable[[Path], Made], suffix: str = "") -> Made:
    """Write the body to a file while it comes in and call `use` with it; the file is removed if `use` leaves it there.

    Raises:
        Refused: nothing came, or more than was announced.
    """
    announced, came, path = int(request.headers.get("content-length", 0)), 0, services.visits.incoming(suffix)
    try:
        async with await anyio.open_file(path, "wb", buffering=1 << 20) as file:
            stream = aiter(request.stream())
            while True:
                with anyio.fail_after(SILENCE_SECONDS):
                    chunk = await anext(stream, None)
                if chunk is None:
                    break
                came += len(chunk)
                if came > announced:
                    raise Refused(413, "too_large", limit=f"{announced / 1e6:,.0f}", came=f"{came / 1e6:,.0f}")
                await file.write(chunk)
        if not came:
            raise Refused(422, "empty_file")
        return await anyio.to_thread.run_sync(use, path)
    except (ClientDisconnect, TimeoutError) as error:  # nobody is there to be told
        raise Refused(400, "bad_request") from error
    finally:
        path.unlink(missing_ok=True)


def add_photographs(services: Services, visit: Visit, path: Path, name: str, upload: str) -> list[Photograph]:
    """Add an uploaded photograph, or those of a zip, to a visit. An upload that was sent before is not added twice.

    Raises:
        Refused: too many photographs, or a zip that is not taken.
    """
    with services.visits.lock:
        lock = _ADDING.setdefault((visit.key, upload), threading.Lock())
    with lock if upload else nullcontext():
        known = [one for one in list(visit.photographs.values()) if upload and one.upload == upload]
        return known or _added(services, visit, path, name, upload)


def _added(services: Services, visit: Visit, path: Path, name: str, upload: str) -> list[Photograph]:
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return [add_photograph(services.visits, visit, path, name, upload)]
    folder = path.with_name(path.name + "-unpacked")
    try:
        unpack(path, folder, services.options.max_upload_bytes)
        photos = list_photos(folder)
        _check_count(visit, len(photos))
        top = top_folder(folder)
        names = [photo.relative_to(top).as_posix() for photo in photos]
        return [add_photograph(services.visits, visit, photo, own, upload) for photo, own in zip(photos, names, strict=True)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def add_photograph(visits: Visits, visit: Visit, path: Path, name: str, upload: str = "") -> Photograph:
    """Move a file into a visit as a photograph, named with its folders. One that cannot be read is kept with the words why."""
    parts = [clean_name(part) for part in PurePosixPath(name.replace("\\", "/")).parts if part.strip(" ./")]
    name = "/".join(parts[-_FOLDERS:]) or clean_name(name)
    suffix, size_px, error = _header(path, Path(name).suffix.lower())
    with visits.change(visit) as changing:
        _check_count(changing, 1)
        number = changing.next_number()
        source = changing.folder / str(number) / "in" / f"photograph{suffix}"
        source.parent.mkdir(parents=True)
        shutil.move(path, source)
        return changing.put(Photograph(
            number=number, name=name, upload=upload, state="failed" if error else "new", error=error,
            source=f"in/{source.name}", width_px=size_px[0], height_px=size_px[1],
        ))


def _check_count(visit: Visit, more: int) -> None:
    count = more + sum(photograph.role == "photograph" for photograph in visit.photographs.values())
    if count > MAX_PHOTOGRAPHS:
        raise Refused(409, "many_photos", limit=MAX_PHOTOGRAPHS, count=count)


def _header(path: Path, suffix: str) -> tuple[str, tuple[int, int], Problem | None]:
    """(suffix, size in px, problem) of an uploaded photograph: a name may have no suffix, or a wrong one."""
    if suffix not in READ_SUFFIXES:
        with path.open("rb") as file:
            kind = format_of(file.read(64))
        suffix = kind.suffixes[0] if kind else ".bin"
    try:
        return suffix, read_size(path), None
    except PhotoError as error:
        return suffix, (0, 0), problem_of(error)


def clean_name(name: str) -> str:
    """The last part of a file's name, without signs that no name has, and not too long."""
    last = "".join(sign for sign in name.replace("\\", "/").rsplit("/", 1)[-1] if sign.isprintable()).strip(". ")
    stem, suffix = Path(last or "photograph").stem, Path(last).suffix[:12]
    while len((stem + suffix).encode()) > 180:
        stem = stem[:-1]
    return stem + suffix
