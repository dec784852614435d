"""The memory that a photograph needs, by constants that were measured, and its share of MEMORY_GB."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Literal, NamedTuple

from dancheong.imaging.files import ImageSpec
from dancheong.imaging.resize import fit_size, working_shape
from dancheong.imaging.tiling import strip_rows
from dancheong.imaging.vips import MAX_MEGAPIXELS
from dancheong.params import ParamError, Params
from dancheong.prediction.full_resolution import STRIP_BYTES

Held = Literal["strips", "gray", "whole"]
# Bytes a pixel of the photograph, at the peak of reading, coloring and writing one file with its mask; by (color, 16 bit): with
# strips alone in memory; with the decoded photograph and its gray; and where an option asks for planes of the whole photograph.
# Measured as growth of the process over files of 60 and 100 megapixels with light reflection that is corrected
# (benchmarks/bench_memory.py --mask-dir), from 12 megapixels on: 2.7, 3.2, 2.8 and 6.7 with the gray.
FULL_SIZE_BYTES: dict[Held, dict[tuple[bool, bool], int]] = {
    "strips": {(color, deep): 0 for color in (False, True) for deep in (False, True)},
    "gray": {(False, False): 3, (False, True): 5, (True, False): 5, (True, True): 9},
    "whole": {(False, False): 14, (False, True): 17, (True, False): 15, (True, True): 17},
}
# Beside a strip, bytes a column: rows that decoder and encoder hold; and chroma at the full width, for each of its rows.
COLUMN_BYTES, CHROMA_ROW_BYTES = 6000, 20
# Bytes a pixel of the working size, and more for each channel of NGF. Measured in ONNX Runtime on one thread: unet 338 and 566
# with NGF=32 and 64; lite0 263, 286 and 446 with NGF=32, 64 and 128 (in OpenVINO 228 with NGF=32); lite2 223 and 307 with
# NGF=32 and 64.
NETWORK_BYTES = {"unet": (90, 8), "lite0": (180, 3), "lite2": (180, 3)}
# Bytes a pixel of the detector's working size: measured 305; the runtime keeps them.
DETECTOR_BYTES = 320
# Of a colored version whose color is taken: bytes for its chroma at most, and a pixel of it.
CHROMA_BYTES, VERSION_BYTES = 300_000_000, 12
_OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "insufficient memory", "failed to allocate", "out of memory")


class Needs(NamedTuple):
    """What a photograph may take: rows of a strip (0: as is quick), bytes of memory, and whether it is read by strips."""

    rows: int = 0
    bytes: int = 0
    is_by_rows: bool = False


def bytes_needed(
    spec: ImageSpec, params: Params, rows: int = 0, network_scale: float = 1.0, held: Held = "gray"
) -> int:
    """About how many bytes coloring a photograph takes, beside the program and the model itself.

    Args:
        rows: height of a strip; 0: TILE_PX, or what is quick.
        network_scale: the largest size of the network's input, in working sizes.
        held: how much of it is in memory at a time.
    """
    working_hw = working_shape(spec.height_px, spec.width_px, params.predict_px)
    full = spec.pixels * FULL_SIZE_BYTES[held][spec.color, spec.deep]
    if held == "strips":
        full += spec.width_px * (COLUMN_BYTES + CHROMA_ROW_BYTES * min(working_hw[0], spec.height_px))
    small = math.prod(working_hw)
    base, by_channel = NETWORK_BYTES[params.encoder]
    network = round(small * network_scale**2) * (base + by_channel * params.ngf)
    strip = min(rows or strip_rows(spec.width_px, params.tile_px), spec.height_px) * spec.width_px * STRIP_BYTES
    detector = 0
    if uses_detector(params):
        detector = math.prod(fit_size(spec.height_px, spec.width_px, params.det_work_size)) * DETECTOR_BYTES
    return full + network + strip + detector


def uses_detector(params: Params) -> bool:
    """Whether a prediction looks for light reflection with the network that was trained for it."""
    return params.glare_mode not in ("off", "global") and params.glare_stage != "train" and params.det_method == "learned"


def how_to_fit(spec: ImageSpec, params: Params, network_scale: float = 1.0, why_whole: str = "") -> Needs:
    """How a photograph fits into MEMORY_GB: in the highest strips that do, and read by strips where all of it is too much.

    Args:
        why_whole: what asks for planes of the whole photograph, in words; empty where nothing does.

    Raises:
        ParamError: it does not fit, saying how much is needed and what to do.
    """
    held: Held = "whole" if why_whole else "gray"
    is_too_large = spec.pixels > MAX_MEGAPIXELS * 1_000_000
    if is_too_large or bytes_needed(spec, params, 1, network_scale, held) > params.memory_gb * 1e9:
        why_not = why_whole or spec.why_whole
        if not why_not:
            held = "strips"
        elif is_too_large:
            raise ParamError(
                f"{spec.width_px} x {spec.height_px} pixels are more than {MAX_MEGAPIXELS} megapixels, which can be colored by "
                f"strips alone; {why_not}"
            )
        else:
            check_allowed("coloring", spec, bytes_needed(spec, params, 1, network_scale, held), params, why_not)
    rows = min(strip_rows(spec.width_px, params.tile_px), spec.height_px)
    while rows > 1 and bytes_needed(spec, params, rows, network_scale, held) > params.memory_gb * 1e9:
        rows = (rows + 1) // 2
    needed = bytes_needed(spec, params, rows, network_scale, held)
    check_allowed("coloring", spec, needed, params)
    return Needs(rows, needed, held == "strips")


def check_allowed(doing: str, spec: ImageSpec, needed: int, params: Params, why_not_by_rows: str = "") -> None:
    """Refuse a photograph for which MEMORY_GB is too little. Raises ParamError, saying how much is needed and what to do."""
    other_way = f"; by strips it would take less, but {why_not_by_rows}" if why_not_by_rows else ""
    if needed > params.memory_gb * 1e9:
        raise ParamError(
            f"{spec.width_px} x {spec.height_px} px: {doing} it needs about {needed / 1e9:.1f} GB, MEMORY_GB is "
            f"{params.memory_gb:g}: raise MEMORY_GB if the machine has that much, or make the photograph smaller{other_way}"
        )


class Budget:
    """MEMORY_GB, shared by the photographs in work. Threads get their share in the order in which they ask."""

    def __init__(self, total_bytes: int, is_for_one: bool = False) -> None:
        """`is_for_one`: photographs are in work one after the other."""
        self.total_bytes, self.is_for_one = total_bytes, is_for_one
        self._free = total_bytes
        self._turn = Lock()
        self._change = Condition()

    @contextmanager
    def share(self, wanted_bytes: int) -> Iterator[None]:
        """Wait until `wanted_bytes` are free (all of the budget, where more is wanted), and hold them."""
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


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or its cause, says that memory ran out; each library says it in its own words."""
    while error is not None:
        message = str(error).lower()
        if isinstance(error, MemoryError) or any(sign in message for sign in _OUT_OF_MEMORY):
            return True
        error = error.__cause__
    return False
