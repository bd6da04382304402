#!/usr/bin/env bash
# Build the MinIO server from its last published source into the user's cache, where the tests
# look for it (tests/server_programs.py). Does nothing when it is there already.
set -euo pipefail

bin="${XDG_CACHE_HOME:-$HOME/.cache}/clip-browser/bin"
if [ -x "$bin/minio" ]; then
    echo "MinIO is at $bin/minio"
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "Building MinIO needs Go 1.24 or newer. Install Go, or set MINIO_BIN to a MinIO server that is here." >&2
    exit 1
fi

build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
echo "Building MinIO with $(go version | cut -d' ' -f3) (some minutes)"
GOBIN="$build" CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" github.com/minio/minio@latest
mkdir -p "$bin"
mv "$build/minio" "$bin/minio.new" && mv "$bin/minio.new" "$bin/minio"
"$bin/minio" --version | head -1
echo "MinIO is at $bin/minio"
