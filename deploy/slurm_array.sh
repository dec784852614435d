#!/bin/bash
# A folder of photographs on a SLURM cluster: one array task a shard. Submit it again after any stop: it goes on.
#
#   sbatch --array=1-64 deploy/slurm_array.sh MODEL.h5 PHOTOGRAPHS RESULTS [more options of dancheong predict]
#
# A million scans want shards of some 10 000: --array=1-100.
#SBATCH --job-name=dancheong
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --output=dancheong-%A-%a.log
set -euo pipefail

if [ $# -lt 3 ] || [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
  echo "usage: sbatch --array=1-N $0 MODEL.h5 PHOTOGRAPHS RESULTS [options]" >&2
  exit 2
fi
model=$1 photographs=$2 results=$3
shift 3

# The shards are numbered from 1 to N without gaps, whichever of them this submission runs (--array=3,7 of 64: SHARDS=64).
shards=${SHARDS:-$SLURM_ARRAY_TASK_MAX}

# 3 of the 4 GB: the rest is the program. Threads follow --cpus-per-task.
exec dancheong predict "$model" "$photographs" -o "$results" --shard "$SLURM_ARRAY_TASK_ID/$shards" \
  --set MEMORY_GB=3 --quiet "$@"
