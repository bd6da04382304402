#!/usr/bin/env bash
# What the API answers with (web/openapi.json), the dashboard's types made from it, and the kinds of jobs.
# `types.sh write` makes them anew; `types.sh check` fails when they are not what the code says.
set -euo pipefail
cd "$(dirname "$0")/.."

make_into() {
    python -m api.openapi_file "$1/openapi.json"
    web/node_modules/.bin/openapi-typescript "$1/openapi.json" --output "$1/src/api/schema.d.ts" \
        --default-non-nullable false --root-types --root-types-no-schema-prefix >/dev/null
    python - "$1/openapi.json" "$1/src/text/jobs/job-kinds.json" <<'END'
import json, sys
from pathlib import Path

kinds = json.loads(Path(sys.argv[1]).read_text())["x-job-kinds"]
Path(sys.argv[2]).write_text(json.dumps(kinds, indent=2, ensure_ascii=False) + "\n")
END
}

case "${1:-}" in
write) make_into web ;;
check)
    made=$(mktemp -d)
    trap 'rm -rf "$made"' EXIT
    mkdir -p "$made/src/api" "$made/src/text/jobs"
    make_into "$made"
    for file in openapi.json src/api/schema.d.ts src/text/jobs/job-kinds.json; do
        cmp -s "$made/$file" "web/$file" || {
            echo "web/$file is not what the API says now. Run \`make types\` and commit it."
            exit 1
        }
    done
    ;;
*)
    echo "usage: types.sh write|check"
    exit 2
    ;;
esac
