"""The memory that a photograph needs, by constants that were measured, and its share of MEMORY_GB."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from dancheong.imaging.files import ImageSpec
from dancheong.imaging.resize import fit_size, working_shape
from dancheong.imaging.tiling import strip_rows
from dancheong.params import ParamError, Params
from dancheong.prediction.full_resolution import STRIP_BYTES

# Bytes a pixel of the photograph, at the peak of reading, coloring and writing one file with its mask; by (color, 16 bit).
# Measured as growth of the process over files of 100 megapixels with light reflection that is corrected
# (benchmarks/bench_memory.py --mask-dir; the working size, 1 byte a pixel then, in it): 14.6, 16.7, 14.8, 17.0.
FULL_SIZE_BYTES = {(False, False): 14, (False, True): 17, (True, False): 15, (True, True): 17}
# Bytes a pixel of the working size, and more for each channel of NGF. Measured in ONNX Runtime on one thread: unet 338 and 566
# with NGF=32 and 64; lite0 263, 286 and 446 with NGF=32, 64 and 128 (in OpenVINO 228 with NGF=32); lite2 223 and 307 with
# NGF=32 and 64.
NETWORK_BYTES = {"unet": (90, 8), "lite0": (180, 3), "lite2": (180, 3)}
# Bytes a pixel of the detector's working size: measured 305; the runtime keeps them.
DETECTOR_BYTES = 320
# Of a colored version whose color is taken: bytes for its chroma at most, and a pixel of it.
CHROMA_BYTES, VERSION_BYTES = 300_000_000, 12
_OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "insufficient memory", "failed to allocate", "out of memory")


def bytes_needed(spec: ImageSpec, params: Params, rows: int = 0, network_scale: float = 1.0) -> int:
    """About how many bytes coloring a photograph takes, beside the program and the model itself.

    Args:
        rows: height of a strip; 0: TILE_PX, or what is quick.
        network_scale: the largest size of the network's input, in working sizes.
    """
    full = spec.pixels * FULL_SIZE_BYTES[spec.color, spec.deep]
    small = math.prod(working_shape(spec.height_px, spec.width_px, params.predict_px))
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


def rows_within(spec: ImageSpec, params: Params, network_scale: float = 1.0) -> int:
    """The largest height of a strip with which a photograph fits into MEMORY_GB.

    Raises:
        ParamError: where even the smallest strips do not fit, saying how much is needed and what to do.
    """
    rows = min(strip_rows(spec.width_px, params.tile_px), spec.height_px)
    while rows > 1 and bytes_needed(spec, params, rows, network_scale) > params.memory_gb * 1e9:
        rows = (rows + 1) // 2
    check_allowed("coloring", spec, bytes_needed(spec, params, rows, network_scale), params)
    return rows


def check_allowed(doing: str, spec: ImageSpec, needed: int, params: Params) -> None:
    """Refuse a photograph for which MEMORY_GB is too little. Raises ParamError, saying how much is needed and what to do."""
    if needed > params.memory_gb * 1e9:
        raise ParamError(
            f"{spec.width_px} x {spec.height_px} px: {doing} it needs about {needed / 1e9:.1f} GB, MEMORY_GB is "
            f"{params.memory_gb:g}: raise MEMORY_GB if the machine has that much, or make the photograph smaller"
        )


class Budget:
    """MEMORY_GB, shared by the photographs in work. Threads get their share in the order in which they ask."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
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
