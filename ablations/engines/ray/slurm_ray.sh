#!/bin/bash
# A study on several nodes by Ray: a head on the first node, workers on all, units handed out as they are done.
#   sbatch --nodes=4 ablations/engines/ray/slurm_ray.sh windows.yaml --tasks /data/hear/tasks
# What stands behind the script goes to `ablate run`; add `--workers N` for more than one worker a node, with
# `--gpus-per-worker 0.5` for two a GPU. Submit it again to go on after a time limit.
#SBATCH --job-name=ablate-ray
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=24:00:00
#SBATCH --output=ablate-ray-%j.log
# #SBATCH --gres=gpu:2

set -eu
export RAY_USAGE_STATS_ENABLED=0
# Ray's ports want this token, which is drawn for the job; srun hands it to the nodes in the environment.
export RAY_AUTH_MODE="${RAY_AUTH_MODE:-token}"
export RAY_AUTH_TOKEN="${RAY_AUTH_TOKEN:-$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')}"
cpus="${SLURM_CPUS_PER_TASK:-1}"
port="${RAY_PORT:-6379}"
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head="${nodes[0]}"
address="$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | cut -d' ' -f1):$port"

srun --nodes=1 --ntasks=1 --nodelist="$head" \
  ray start --head --port="$port" --num-cpus="$cpus" --include-dashboard=false --block &
started=("$!")
trap 'kill "${started[@]}" 2> /dev/null || true' EXIT
sleep "${RAY_WAIT_S:-20}" # until the head answers
for node in "${nodes[@]:1}"; do
  srun --nodes=1 --ntasks=1 --nodelist="$node" ray start --address="$address" --num-cpus="$cpus" --block &
  started+=("$!")
done
sleep "${RAY_WAIT_S:-20}" # until the others have joined

ablate run "$@" --ray "$address"
