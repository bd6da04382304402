#!/usr/bin/env bash
# s3_server.sh minio|seaweedfs: build an S3 server from its published source into the user's cache, where
# the tests look for it (tests/server_programs.py). Does nothing when it is there already.
set -euo pipefail

# SeaweedFS 4.53, the release that docker-compose.yml names: its releases are no versions in Go's sense.
SEAWEEDFS=v0.0.0-20261109003541-7506e5f91cd6

name="${1:?minio or seaweedfs}"
case "$name" in
    minio) program=minio ;;
    seaweedfs) program=weed ;;
    *) echo "s3_server.sh builds minio or seaweedfs, not '$name'" >&2; exit 2 ;;
esac
bin="${XDG_CACHE_HOME:-$HOME/.cache}/clip-browser/bin"
if [ -x "$bin/$program" ]; then
    echo "$name is at $bin/$program"
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "Building $name needs Go 1.26 or newer. Install Go, or set ${name^^}_BIN to a server that is here." >&2
    exit 1
fi

build="$(mktemp -d)"
trap 'chmod -R u+w "$build"; rm -rf "$build"' EXIT
echo "Building $name with $(go version | cut -d' ' -f3) (some minutes)"
export CGO_ENABLED=0
if [ "$name" = minio ]; then
    GOBIN="$build" go install -trimpath -ldflags "-s -w" github.com/minio/minio@latest
else
    # Its go.mod replaces a module, which `go install` refuses for anybody else's source.
    source="$(go mod download -json "github.com/seaweedfs/seaweedfs@$SEAWEEDFS" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')"
    cp -r "$source" "$build/source"
    chmod -R u+w "$build/source"
    go build -C "$build/source" -trimpath -ldflags "-s -w" -o "$build/weed" ./weed
fi
mkdir -p "$bin"
mv "$build/$program" "$bin/$program.new" && mv "$bin/$program.new" "$bin/$program"
if [ "$name" = minio ]; then "$bin/minio" --version; else "$bin/weed" version; fi | sed -n 1p
echo "$name is at $bin/$program"
