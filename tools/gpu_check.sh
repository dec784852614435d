#!/usr/bin/env bash
# Everything that needs a graphics card, within nine minutes: tests, speed of a step, the default recipe to its scores, large
# pictures, prediction, and a card of 4 GB.
#
#     tools/gpu_check.sh OUT [TRAIN TEST]         # folders of color photographs; else built-in scenes
#     DEVICE=cpu QUICK=1 tools/gpu_check.sh OUT   # to see that the script itself works
#
# Runs in an environment with the extras train, test and onnx. Each step writes OUT/STEP.log, has a limit of its own, and does
# not stop the next; OUT/steps.csv has its exit code and seconds.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:?a folder for the results}; photographs=${2:-}; tests=${3:-$photographs}
device=${DEVICE:-cuda} python=${PYTHON:-python}
mkdir -p "$out"
echo "step,exit_code,seconds" > "$out/steps.csv"

step() {  # NAME LIMIT_S COMMAND...
    local name=$1 limit=$2 began=$SECONDS code=0; shift 2
    timeout -k 5 "$limit" "$@" < /dev/null > "$out/$name.log" 2>&1 || code=$?
    echo "$name,$code,$((SECONDS - began))" | tee -a "$out/steps.csv"
}

if [ -z "$photographs" ]; then
    photographs=$out/scenes tests=$out/scenes
    [ -d "$photographs" ] || "$python" - "$photographs" <<'PY'
import sys
from pathlib import Path

from dancheong.imaging.files import write_photo
from dancheong.scenes import scene

folder = Path(sys.argv[1])
folder.mkdir()
for seed in range(12):
    write_photo(folder / f"{seed}.png", scene(seed, 256, 192))
PY
fi
if [ -n "${QUICK:-}" ]; then few=(--set EPOCHS=1) sizes=(64) batches=(1) large=128; else few=() sizes=(256) batches=(1 16 64) large=1024; fi
train=("$python" -m dancheong train "$photographs" --overwrite --set "DEVICE=$device")

[ "$device" = cuda ] && step card 20 nvidia-smi
step tests 90 "$python" -m pytest -q -p no:cacheprovider tests/data/test_gpu_batches.py tests/runtime/test_devices.py
step step 80 "$python" benchmarks/bench_train.py --device "$device" --resol "${sizes[@]}" --batch "${batches[@]}"
step default 120 "${train[@]}" -o "$out/default.h5" "${few[@]}"
step scores 60 "$python" -m dancheong evaluate "$out/default.h5" "$tests" --json
step predict 40 "$python" -m dancheong predict "$out/default.h5" "$tests" -o "$out/colored" --set "DEVICE=$device" --json
# The paper's largest size, as far as the time reaches: the state is kept, and the log tells images a second.
step large 90 "${train[@]}" -o "$out/large.h5" --preset paper --set "RESOL=$large" --set EPOCHS=1
cat > "$out/four_gb.py" <<'PY'
import sys

import torch

from dancheong import DancheongError, Params, train

photographs, out, device, large = sys.argv[1:]
if device == "cuda":
    torch.cuda.set_per_process_memory_fraction(min(1, (4 << 30) / torch.cuda.get_device_properties(0).total_memory))
try:
    train(photographs, f"{out}/four_gb.h5", Params(RESOL=int(large), BATCH_SIZE=16, EPOCHS=1, DEVICE=device), overwrite=True)
except DancheongError as error:  # words that say what to lower
    print(error)
PY
step four_gb 40 "$python" "$out/four_gb.py" "$photographs" "$out" "$device" "$large"
