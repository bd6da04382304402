#!/usr/bin/env bash
# Tries deploy/helm/clip-browser at a real kube-apiserver with its etcd: what it makes is sent there as a server-side dry run,
# each warning counting as a failure; then it is installed, upgraded to everything.yaml and back, and taken away by helm. There are
# no nodes and no controllers, so no pod runs. Programs are built with Go the first time (20 minutes on two cores), at low priority.
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/clip-browser"
programs="$cache/bin" chart="$PWD/deploy/helm/clip-browser" python="$PWD/.venv/bin/python"
KUBERNETES=1.37.2 ETCD=v3.7.0
KEDA=github.com/kedacore/keda/v2@v2.21.0
OPERATOR=github.com/prometheus-operator/prometheus-operator@v0.85.0
mkdir -p "$programs"
work=$(mktemp -d)
pids=()
finish() {
    # kube-apiserver would wait for its etcd
    for pid in "${pids[@]}"; do { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true; done
    chmod -R u+w "$work"
    rm -rf "$work"
}
trap finish EXIT

folder() { go mod download -json "$1" | "$python" -c 'import json, sys; print(json.load(sys.stdin)["Dir"])'; }

build() { # What is missing of kube-apiserver, kubectl and etcd, from their modules: those replace others, which `go install` refuses
    local source="$work/module" parts
    mkdir "$source"
    parts=$(folder "k8s.io/kubernetes@v$KUBERNETES")/go.mod
    {
        echo "module cluster"
        sed -n 's/^go /go /p' "$parts"
        echo "require k8s.io/kubernetes v$KUBERNETES"
        echo "require go.etcd.io/etcd/server/v3 $ETCD"
        sed -n "/^replace (/,/^)/s/=>.*//p" "$parts" |
            sed -n "s/^\s*\(k8s.io[^ ]*\).*/replace \1 => \1 v0.${KUBERNETES#*.}/p"
    } >"$source/go.mod"
    printf '%s\n' '//go:build programs' 'package cluster' 'import (' '_ "k8s.io/kubernetes/cmd/kube-apiserver"' \
        '_ "k8s.io/kubernetes/cmd/kubectl"' '_ "go.etcd.io/etcd/server/v3"' ')' >"$source/programs.go"
    local stamp="-s -w" place
    for place in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        stamp+=" -X $place.gitVersion=v$KUBERNETES -X $place.gitMajor=${KUBERNETES%%.*} -X $place.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES")"
    done
    export CGO_ENABLED=0
    nice -n 19 go -C "$source" mod tidy
    for place in go.etcd.io/etcd/server/v3 k8s.io/kubernetes/cmd/kubectl k8s.io/kubernetes/cmd/kube-apiserver; do
        name=$(basename "${place%/server/v3}")
        echo "Building $name"
        nice -n 19 go -C "$source" build -ldflags "$stamp" -o "$work/$name" "$place"
        mv "$work/$name" "$programs/$name"
    done
}

for name in etcd kube-apiserver kubectl; do
    if [ ! -x "$programs/$name" ]; then
        command -v go >/dev/null || { echo "cluster: $name is not in $programs, and there is no Go to build it"; exit 1; }
        build
    fi
done
[ -x "$programs/helm" ] || GOBIN="$programs" go install helm.sh/helm/v3/cmd/helm@v3.22.0
export PATH="$programs:$PATH"

free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
until_it_answers() { # NAME PID COMMAND...
    local name=$1 pid=$2
    shift 2
    for _ in $(seq 240); do
        "$@" >/dev/null 2>&1 && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.5
    done
    echo "cluster: $name does not answer"
    tail -n 30 "$work/$name.log"
    exit 1
}

client=$(free_port) peer=$(free_port) port=$(free_port)
etcd --data-dir "$work/etcd-data" --listen-client-urls "http://127.0.0.1:$client" \
    --advertise-client-urls "http://127.0.0.1:$client" --listen-peer-urls "http://127.0.0.1:$peer" \
    --initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer" \
    >"$work/etcd.log" 2>&1 &
pids+=($!)
until_it_answers etcd "${pids[-1]}" curl -fs "http://127.0.0.1:$client/health"

openssl genrsa -out "$work/accounts.key" 2048 2>/dev/null
token=$(openssl rand -hex 16)
echo "$token,admin,admin,system:masters" >"$work/tokens"
kube-apiserver --etcd-servers "http://127.0.0.1:$client" --bind-address 127.0.0.1 --secure-port "$port" \
    --cert-dir "$work/certificates" --token-auth-file "$work/tokens" --authorization-mode RBAC \
    --service-cluster-ip-range 10.0.0.0/24 --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$work/accounts.key" --service-account-signing-key-file "$work/accounts.key" \
    >"$work/kube-apiserver.log" 2>&1 &
pids+=($!)
export KUBECONFIG="$work/config"
for words in "set-cluster here --server=https://127.0.0.1:$port --insecure-skip-tls-verify" \
    "set-credentials admin --token=$token" "set-context here --cluster=here --user=admin" "use-context here"; do
    # shellcheck disable=SC2086
    kubectl config $words >/dev/null
done
until_it_answers kube-apiserver "${pids[-1]}" kubectl get --raw /readyz
kubectl version | sed -n 's/^Server/kube-apiserver/p'

kubectl create --save-config=false -f "$(folder "$KEDA")/config/crd/bases" >"$work/said"
kubectl create --save-config=false -f "$(folder "$OPERATOR")/example/prometheus-operator-crd" >>"$work/said"
kubectl wait --for condition=established --timeout 120s crd --all >/dev/null
echo "$(kubectl get crd -o name | wc -l) kinds of KEDA and the Prometheus operator"
# Pods that break the strictest rules of Kubernetes for pods are a warning.
kubectl create namespace clips >/dev/null
kubectl label namespace clips pod-security.kubernetes.io/warn=restricted >/dev/null
if kubectl --namespace clips create deployment plain --image plain --dry-run=server --warnings-as-errors >"$work/said" 2>&1; then
    echo "cluster: the rules for pods are not looked at, so no warning would mean nothing"
    exit 1
fi
grep -q restricted "$work/said" || { cat "$work/said"; exit 1; }

for values in "" deploy/helm/everything.yaml; do
    echo "== ${values:-default values}: server-side dry run"
    helm template clips "$chart" --namespace clips --kube-version "$KUBERNETES" ${values:+--values "$values"} >"$work/made.yaml"
    kubectl apply --namespace clips --server-side --dry-run=server --warnings-as-errors -f "$work/made.yaml" |
        sed 's/ serverside-applied (server dry run)//' | cut -d/ -f1 | sort | uniq -c
    helm install clips "$chart" --namespace clips --dry-run=server ${values:+--values "$values"} >/dev/null
done

# Hooks wait for a Job, which nobody runs here; its own dry run is above.
echo "== helm install, upgrade to everything.yaml and back, uninstall"
helm install clips "$chart" --namespace clips --no-hooks >/dev/null
helm upgrade clips "$chart" --namespace clips --no-hooks --values deploy/helm/everything.yaml >/dev/null
kubectl --namespace clips get deployments,statefulsets,scaledobjects,poddisruptionbudgets,networkpolicies,ingresses,servicemonitors --no-headers \
    -o custom-columns=KIND:.kind,NAME:.metadata.name
helm upgrade clips "$chart" --namespace clips --no-hooks >/dev/null
helm uninstall clips --namespace clips --no-hooks >/dev/null
left=$(kubectl --namespace clips get deployments,services,scaledobjects,networkpolicies -o name)
[ -z "$left" ] || { echo "cluster: helm left $left"; exit 1; }
echo "All accepted."
