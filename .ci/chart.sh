#!/usr/bin/env bash
# Checks deploy/helm/clip-browser: helm lint, helm template with what is off by default too, and each resource against the
# schemas of Kubernetes, KEDA and the Prometheus operator. Programs and schemas are Go modules, kept in the cache: made by
# --strict (make chart), which fails without them; otherwise what is not there yet is not checked, and it says so.
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/clip-browser"
programs="$cache/bin" schemas="$cache/chart-schemas"
python="$PWD/.venv/bin/python" chart=deploy/helm/clip-browser
mkdir -p "$programs"

STRICT=0
[ "${1:-}" != --strict ] || STRICT=1
skip() {
    echo "chart: not checked: $1"
    exit "$STRICT"
}

program() { # NAME MODULE: a program on PATH, in the cache, or built now
    command -v "$1" || { [ -x "$programs/$1" ] && echo "$programs/$1"; } || {
        [ "$STRICT" = 1 ] && command -v go >/dev/null && GOBIN="$programs" go install "$2" >&2 && echo "$programs/$1"
    }
}
helm=$(program helm helm.sh/helm/v3/cmd/helm@v3.22.0) || skip "no helm (with Go: make chart)"
kubeconform=$(program kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0) || skip "no kubeconform (with Go: make chart)"

folder() { go mod download -json "$1" | "$python" -c 'import json, sys; print(json.load(sys.stdin)["Dir"])'; }
if [ ! -d "$schemas" ]; then
    [ "$STRICT" = 1 ] || skip "no schemas (with Go: make chart)"
    "$python" .ci/chart_schemas.py "$schemas.new" "$(folder k8s.io/kubernetes@v1.37.2)" \
        "$(folder github.com/kedacore/keda/v2@v2.21.0)/config/crd/bases" \
        "$(folder github.com/prometheus-operator/prometheus-operator@v0.85.0)/example/prometheus-operator-crd"
    mv "$schemas.new" "$schemas"
fi

"$helm" lint --quiet --strict "$chart"
for values in "" deploy/helm/everything.yaml; do
    "$helm" template try "$chart" --kube-version 1.34 ${values:+--values "$values"} |
        "$kubeconform" -strict -summary -schema-location "$schemas/{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"
done
