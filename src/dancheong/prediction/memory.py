"""What memory a photograph will take, measured once and written down, and how many may be in it at a time (MEMORY_GB)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from dancheong.imaging.image_spec import ImageSpec
from dancheong.imaging.resize import fit_size, working_shape
from dancheong.params import ParamError, Params
from dancheong.prediction.full_resolution import STRIP_BYTES, strip_rows

# Bytes a pixel of the photograph, at the peak of reading, coloring and writing one file with its mask; by (color, 16 bit).
# Measured as growth of the process over files of 24 megapixels with light reflection that is corrected
# (benchmarks/bench_memory.py; JPEG, PNG, TIFF): at most 12.9, 14.7 (16.1 at 100 megapixels), 15.0, 20.0.
FULL_SIZE_BYTES = {(False, False): 14, (False, True): 17, (True, False): 16, (True, True): 21}
# Bytes a pixel of the working size: measured 327 and 322 with NGF=32 at 1.6 and 4.2 megapixels, 566 with NGF=64.
NETWORK_BYTES, NETWORK_BYTES_PER_NGF = 90, 8
# Bytes a pixel of the size at which light reflection is looked for: measured 305; the runtime keeps them.
DETECTOR_BYTES = 320


def bytes_needed(extent: ImageSpec, params: Params, rows: int = 0, look: float = 1.0) -> int:
    """About how many bytes coloring a photograph takes, beside the program and the model itself.

    Args:
        rows: height of a strip; 0: TILE_PX, or what is quick.
        look: the largest size at which the network looks at it, in working sizes.
    """
    full = extent.pixels * FULL_SIZE_BYTES[extent.color, extent.deep]
    small = math.prod(working_shape(extent.height_px, extent.width_px, params.resol))
    network = round(small * look**2) * (NETWORK_BYTES + NETWORK_BYTES_PER_NGF * params.ngf)
    strip = min(rows or strip_rows(extent.width_px, params.tile_px), extent.height_px) * extent.width_px * STRIP_BYTES
    return full + network + strip + _detector_bytes(extent, params)


def _detector_bytes(extent: ImageSpec, params: Params) -> int:
    if params.glare_mode in ("off", "global") or params.glare_stage == "train" or params.det_method != "learned":
        return 0
    height, width = fit_size(extent.height_px, extent.width_px, params.det_work_size)
    return height * width * DETECTOR_BYTES


def rows_within(extent: ImageSpec, params: Params, look: float = 1.0) -> int:
    """Height of the strips in which a photograph is finished within MEMORY_GB: fewer rows where only that fits.

    Raises:
        ParamError: where even the smallest strips do not fit, saying how much is needed and what to do.
    """
    allowed = params.memory_gb * 1e9
    rows = min(strip_rows(extent.width_px, params.tile_px), extent.height_px)
    while rows > 1 and bytes_needed(extent, params, rows, look) > allowed:
        rows = (rows + 1) // 2
    check_allowed("coloring", extent, bytes_needed(extent, params, rows, look), params)
    return rows


def check_allowed(doing: str, extent: ImageSpec, needed: int, params: Params) -> None:
    """Refuse a photograph for which MEMORY_GB is too little. Raises ParamError, saying how much is needed and what to do."""
    if needed > params.memory_gb * 1e9:
        raise ParamError(
            f"{extent.width_px} x {extent.height_px} px: {doing} it needs about {needed / 1e9:.1f} GB, MEMORY_GB is "
            f"{params.memory_gb:g}: raise MEMORY_GB if the machine has that much, or make the photograph smaller"
        )


class Budget:
    """MEMORY_GB, shared by photographs that are done at the same time: who asks first is served first."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._free = total_bytes
        self._turn = Lock()
        self._change = Condition()

    @contextmanager
    def share(self, wanted_bytes: int) -> Iterator[None]:
        """Wait until so much is free (all of it, where more is wanted), and hold it."""
        taken = min(wanted_bytes, self.total_bytes)
        with self._turn, self._change:
            self._change.wait_for(lambda: self._free >= taken)
            self._free -= taken
        try:
            yield
        finally:
            with self._change:
                self._free += taken
                self._change.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nobody else holds anything, and keep it so."""
        with self.share(self.total_bytes):
            yield


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that memory could not be had; each library says it in its own way."""
    while error is not None:
        words = str(error).lower()
        if isinstance(error, MemoryError) or any(sign in words for sign in _SIGNS):
            return True
        error = error.__cause__
    return False


_SIGNS = ("bad_alloc", "bad allocation", "insufficient memory", "failed to allocate", "out of memory")
