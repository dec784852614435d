"""A folder that is watched: new photographs are colored as they come, each once, whatever happens in between.

The folder is looked through again and again, because news of the system are lost on network drives and over a restart. What
is done is known from the results themselves, so that a watch that was killed goes on where it was.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_ISREG

from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import predict_files
from dancheong.prediction.options import FolderOptions
from dancheong.prediction.origin import colored_by
from dancheong.prediction.result import FileResult
from dancheong.prediction.search import find_photos
from dancheong.system.outputs import claimed
from dancheong.upscaling.upscaler import Upscaler

# A file is taken for finished when nothing has changed it for so long; a damaged one may still be in writing for longer.
SETTLED_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.5
# Photographs that are handed over together, so that a request to stop is soon heard.
AT_A_TIME = 16
_ALL_TRIES = 2

# Size, time of the last change, and the file itself.
Stamp = tuple[int, int, int]


@dataclass
class _Known:
    """What is known of a photograph: since when it has looked like this, and what was tried."""

    stamp: Stamp
    since: float
    tries: int = 0
    results: dict[Path, Stamp | None] = field(default_factory=dict)  # as this watch has written them
    untold: Sequence[FileResult] = ()  # failed, and to be tried once more


@dataclass
class FolderWatch:
    """Looks at folders and says which photographs are finished and not yet colored.

    Attributes:
        settled_s, patience_s: seconds without change after which a photograph is tried, and tried again if it is damaged.
    """

    inputs: Sequence[Path]
    results: Sequence[Path]
    settled_s: float = SETTLED_SECONDS
    patience_s: float = PATIENCE_SECONDS
    clock: Callable[[], float] = time.monotonic
    known: dict[Path, _Known] = field(default_factory=dict)
    others: dict[Path, float] = field(default_factory=dict)
    """What is no photograph, and since when it is there."""
    told: set[Path] = field(default_factory=set)

    def look(self) -> list[Path]:
        """Photographs that are ready now, in order. Of those that are gone nothing is remembered."""
        now, seen, ready = self.clock(), dict[Path, _Known](), []
        photos, others = find_photos(self.inputs, self.results)
        self.others = {one.path: self.others.get(one.path, now) for one in others if not one.failed}
        for photo in photos:
            if (stamp := stamp_of(photo)) is None:
                continue
            before = self.known.get(photo)
            if before is None or before.stamp != stamp:
                before = _Known(stamp, now, results={} if before is None else before.results)
            seen[photo] = before
            waits = (self.settled_s, self.patience_s)
            if before.tries < len(waits) and now - before.since >= waits[before.tries]:
                ready.append(photo)
        self.known = seen
        return ready

    def has_news(self) -> bool:
        """Whether there is something that is no photograph, has been there for a while and is not told yet."""
        now = self.clock()
        there = {path for path, since in self.others.items() if now - since >= self.settled_s}
        news, self.told = not there <= self.told, there
        return news

    def changed_after(self, photo: Path, output: Path) -> bool:
        """Whether the result that stands there is this watch's own, untouched, of what the photograph was before."""
        stamp = stamp_of(output)
        return stamp is not None and self.known[photo].results.get(output) == stamp

    def tried(self, photo: Path, results: Sequence[FileResult]) -> bool:
        """Remember what became of a photograph (of its pages); False where it will be tried once more.

        Without results, as of another shard's, it is left alone until it changes.
        """
        known = self.known[photo]
        has_failed = any(result.status == "failed" for result in results)
        known.tries = known.tries + 1 if has_failed else _ALL_TRIES
        known.untold = () if known.tries >= _ALL_TRIES else results
        known.results |= {result.output: stamp_of(result.output) for result in results if result.status != "failed"}
        return known.tries >= _ALL_TRIES


def stamp_of(path: Path) -> Stamp | None:
    """What changes when a file does; None where there is no file."""
    with suppress(OSError):
        status = path.stat()
        if S_ISREG(status.st_mode):
            return status.st_size, status.st_mtime_ns, status.st_ino
    return None


def watch_folders(
    colorizer: Colorizer,
    inputs: Sequence[Path],
    out_dir: Path | None,
    options: FolderOptions,
    upscaler: Upscaler | None = None,
    stop: Callable[[], bool] = lambda: False,
    folder_watch: FolderWatch | None = None,
) -> Iterator[FileResult]:
    """Color photographs as they come, until `stop` says so; yields each result. Arguments as `predict_files`.

    A name does not depend on other photographs, so it stays when more come: ``a.heic`` gives ``a_heic.png``.

    Raises:
        ParamError: an input that is no folder, or another watch that writes there.
        OSError: the disk.
    """
    for path in inputs:
        if not path.is_dir():
            raise ParamError(f"{path}: this is no folder; --watch takes folders that photographs come into")
    manifest = options.manifest
    if manifest is None:
        raise ParamError("a watch needs a folder that it may write to: name one with -o")
    folders = (out_dir, options.mask_dir, options.drawn_masks, options.confidence_dir)
    watch = folder_watch or FolderWatch(inputs, [folder for folder in folders if folder is not None])
    lasting = replace(options, lasting_names=True, left_out=lambda path, reason: None)
    with claimed(manifest):
        while not stop():
            ready = watch.look()[:AT_A_TIME]
            if out_dir is None:  # the results lie among the photographs
                for photo in [photo for photo in ready if colored_by(photo) is not None]:
                    watch.tried(photo, ())
                    ready.remove(photo)
            if ready or watch.has_news():
                wanted = replace(lasting, only=set(ready), ours=watch.changed_after)
                results = predict_files(colorizer, inputs, out_dir, wanted, upscaler)
                for photo in ready:
                    mine = [result for result in results if result.input == photo]
                    if watch.tried(photo, mine):
                        yield from mine
            else:
                time.sleep(LOOK_SECONDS)
        # What would have been tried once more has failed.
        for known in watch.known.values():
            yield from known.untold
