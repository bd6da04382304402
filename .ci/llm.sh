#!/usr/bin/env bash
# Make what the tests with a real language model run on, in the user's cache: an environment with the
# project's packages and vLLM for the CPU, and a small instruct model as a folder that vLLM loads.
# Says where the environment's Python is. Does nothing when both are there already.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.venv/bin/uv
home="${XDG_CACHE_HOME:-$HOME/.cache}/clip-browser/llm"
locks="$(cat requirements/test.txt requirements/llm-test.txt | sha256sum | cut -c1-12)"
env="$home/env-$locks"
model="$home/SmolLM2-135M-Instruct"

if [ ! -f "$env/.made" ]; then
    echo "Making an environment with vLLM in $env" >&2
    rm -rf "$home"/env-*
    "$uv" venv --quiet --python .venv/bin/python "$env"
    for lock in test llm-test; do
        "$uv" pip install --quiet --python "$env/bin/python" --no-deps --require-hashes -r "requirements/$lock.txt"
    done
    touch "$env/.made"
fi
if [ ! -f "$model/config.json" ]; then
    echo "Making the model in $model" >&2
    "$env/bin/python" -m tests.llm.make_model "$model"
fi
echo "$env/bin/python"
