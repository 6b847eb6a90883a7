#!/bin/bash
# A study as a SLURM job array: each task runs its part, all in one run folder.
#   sbatch --array=1-4 ablations/engines/ray/slurm.sh windows.yaml --tasks /data/hear/tasks
# What stands behind the script goes to `ablate run`. Submit it again to go on after a time limit; change the lines below
# for your cluster (partition, account, GPUs, time).
#SBATCH --job-name=ablate
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=24:00:00
#SBATCH --output=ablate-%A-%a.log
# #SBATCH --gres=gpu:1

set -eu
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
exec ablate run "$@" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
