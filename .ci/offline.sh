#!/usr/bin/env bash
# The bundle (`make bundle`, or the file named as the first argument), installed and used where no network is:
# from the sample to a search, in a network namespace with nothing but loopback. Needs root, or user namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."
bundle=$(realpath "${1:-$(ls dist/clip-browser-*.tar)}")
if [ -z "${WITHOUT_NETWORK:-}" ]; then
    [ "$(id -u)" = 0 ] && as=() || as=(--map-root-user)
    exec env WITHOUT_NETWORK=yes unshare "${as[@]}" --net --pid --fork --kill-child --mount-proc bash "$0" "$bundle"
fi
ip link set lo up
[ "$(ip -o link | wc -l)" = 1 ] || { echo "there is a network: $(ip -o link)"; exit 1; }
if (exec 3<>/dev/tcp/1.1.1.1/443) 2>/dev/null; then echo "there is a way out"; exit 1; fi

work=$(mktemp -d)
service=
finish() {
    if [ -n "$service" ]; then kill "$service" 2>/dev/null && wait "$service" || true; fi
    rm -rf "$work"
}
trap finish EXIT
took() { echo "$(( $(date +%s) - began )) s: $*"; }
began=$(date +%s)
tar --extract --file "$bundle" --directory "$work"
took "unpacked"
# nothing of this machine's user: no cache, no configuration
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHON="${PYTHON:-python3}" HOME="$work" \
    sh "$work"/clip-browser-*/install.sh --to "$work/installed" --no-start
took "installed"
program=(env -i PATH=/usr/bin:/bin "HOME=$work" "TMPDIR=$work" LANG=C.UTF-8 "$work/installed/venv/bin/clip-browser")
clip() { "${program[@]}" "$@"; }
port=8017
cd "$work"
"${program[@]}" up --data-dir "$work/data" --port $port > "$work/up.log" 2>&1 &
service=$!
for _ in $(seq 120); do
    grep -q "Open this link" "$work/up.log" && break
    kill -0 $service || { cat "$work/up.log"; exit 1; }
    sleep 1
done
took "started"
python3 - $port <<'PAGE'
import re, sys, urllib.request
root = f"http://127.0.0.1:{sys.argv[1]}"
page = urllib.request.urlopen(f"{root}/").read().decode()
script = re.search(r'src="(/assets/[^"]+\.js)"', page)[1]
print(f"the dashboard: {len(page)} bytes, {script}: {len(urllib.request.urlopen(root + script).read()):,} bytes")
PAGE
dataset="Sample shapes"
clip import --sample
took "sample drawn"
clip split --dataset "$dataset" --follow
clip augment --dataset "$dataset" --follow
took "split, augmented"
clip train --dataset "$dataset" --epochs "${EPOCHS:-2}" --follow
took "trained"
model=$(clip models --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])')
clip index --dataset "$dataset" --model "$model" --follow
clip search --dataset "$dataset" --model "$model" -k 3 "a red circle"
[ "$(clip search --json --dataset "$dataset" --model "$model" -k 3 "a red circle" | grep -c '"image_id"\|"filename"')" -ge 3 ]
clip doctor --data-dir "$work/data"
took "indexed, searched, examined"
