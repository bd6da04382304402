#!/bin/sh
# Installs CLIP Browser from this folder, and starts it. Needs Python, and no network.
#   sh install.sh [--to FOLDER] [--no-start] [--port N]
# PYTHON names another Python than python3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
to=$PWD/clip-browser
start=yes
port=8000
while [ $# -gt 0 ]; do
    case $1 in
        --to) to=$2; shift 2 ;;
        --port) port=$2; shift 2 ;;
        --no-start) start=no; shift ;;
        *) echo "install.sh [--to FOLDER] [--no-start] [--port N]" >&2; exit 2 ;;
    esac
done

command -v "$python" >/dev/null || { echo "There is no $python. Install it, or name another: PYTHON=python3.11 sh install.sh" >&2; exit 1; }
"$python" - "$here" <<'CHECK'
import hashlib, pathlib, platform, sys

here = pathlib.Path(sys.argv[1])
made_for = (here / "MADE_FOR").read_text().strip()
this = "{}-{}-py{}.{}".format(sys.platform, platform.machine(), *sys.version_info)
if this != made_for:
    sys.exit(f"This bundle was made for {made_for}, and this is {this}. Name a fitting Python (PYTHON=python3.11), or make a bundle for this one.")
listed = {}
for line in (here / "SHA256SUMS").read_text().splitlines():
    digest, name = line.split(maxsplit=1)
    listed[name.removeprefix("./")] = digest
there = {p.relative_to(here).as_posix() for p in here.rglob("*") if p.is_file()} - {"SHA256SUMS"}
if there != set(listed):
    sys.exit(f"Files are missing or were added: {', '.join(sorted(there ^ set(listed)))}. Copy the bundle once more.")
for name, digest in listed.items():
    with open(here / name, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            sys.exit(f"{name} is damaged: its checksum differs. Copy the bundle once more.")
print(f"{len(listed)} files are as they were made.")
CHECK

mkdir -p "$to"
to=$(cd "$to" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# uv installs without a pip, which Debian's Python has not; its program lies in its wheel.
"$python" - "$here" "$scratch" <<'UNPACK'
import pathlib, sys, zipfile

(wheel,) = pathlib.Path(sys.argv[1], "wheels").glob("uv-*.whl")
with zipfile.ZipFile(wheel) as archive:
    (name,) = [each for each in archive.namelist() if each.endswith("/scripts/uv")]
    program = pathlib.Path(sys.argv[2], "uv")
    program.write_bytes(archive.read(name))
    program.chmod(0o755)
UNPACK
uv() { "$scratch/uv" --no-config --offline --no-cache "$@"; }
echo "Installing into $to"
[ -x "$to/venv/bin/python" ] || uv venv --quiet --python "$("$python" -c 'import sys; print(sys.executable)')" "$to/venv"
uv pip install --quiet --python "$to/venv/bin/python" --no-index --find-links "$here/wheels" --require-hashes -r "$here/requirements.txt"
uv pip install --quiet --python "$to/venv/bin/python" --no-index --no-deps --reinstall-package clip-browser "$here"/wheels/clip_browser-*.whl

data=$to/data
umask 077
mkdir -p "$data/weights"
for folder in "$here"/weights/*/; do
    [ -d "$folder" ] || continue
    for file in "$folder"*; do
        tag=$(basename "$file")
        CLIP_BROWSER_DATA_DIR=$data "$to/venv/bin/clip-browser" weights add "$file" --model "$(basename "$folder")" --tag "${tag%.*}"
    done
done
for folder in "$here"/llm/*/; do
    [ -d "$folder" ] || continue
    mkdir -p "$data/weights/llm"
    cp -r "${folder%/}" "$data/weights/llm/"
    echo "The language model lies at $data/weights/llm/$(basename "$folder"): CLIP_BROWSER_LLM_MODEL names it."
done
"$to/venv/bin/clip-browser" --version
if [ -f "$here/images/images.tar" ]; then
    echo "Container images: docker load --input $here/images/images.tar"
fi
[ "$start" = yes ] || { echo "Start it: $to/venv/bin/clip-browser up --data-dir $data --port $port"; exit 0; }
rm -rf "$scratch"
exec "$to/venv/bin/clip-browser" up --data-dir "$data" --port "$port"
