#!/usr/bin/env bash
# Tries the alert rules with promtool: their form, and that each fires when it should. promtool is a Go module, built into
# the cache the first time.
set -euo pipefail
cd "$(dirname "$0")/../deploy/prometheus"
programs="${XDG_CACHE_HOME:-$HOME/.cache}/clip-browser/bin"
promtool="$(command -v promtool || echo "$programs/promtool")"
if [ ! -x "$promtool" ]; then
    command -v go >/dev/null || { echo "alerts: promtool or Go is needed to try the rules" >&2; exit 1; }
    mkdir -p "$programs"
    GOBIN="$programs" go install -tags remove_all_sd github.com/prometheus/prometheus/cmd/promtool@v0.316.0
fi
"$promtool" check rules alerts.yml
"$promtool" test rules alerts_test.yml
