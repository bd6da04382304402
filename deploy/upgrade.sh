#!/usr/bin/env bash
# `make upgrade`: builds the new images, then changes the containers over so that people who save captions notice
# little: what answers them runs twice, old and new, until the new one is healthy; the other workers come last.
# The database is brought to the newest schema by the first new API container. Take a backup before.
#
#   bash deploy/upgrade.sh              git pull, and all of it
#   bash deploy/upgrade.sh --no-pull    the checkout as it is
#   bash deploy/upgrade.sh --no-build   images that are there already, for example loaded from a file
set -euo pipefail
cd "$(dirname "$0")/.."
HEALTHY_S=300

main() {
    if [ "${1:-}" = "" ]; then git pull --ff-only; fi
    if [ "${1:-}" != --no-build ]; then docker compose build; fi
    local service scales=()
    for service in $(docker compose ps --services); do
        scales+=(--scale "$service=$(docker compose ps -q "$service" | wc -l)")
    done
    change_over api
    change_over worker-captions
    renew_proxy
    docker compose up -d --no-build "${scales[@]}"
}

# change_over SERVICE: as many new containers beside the old ones; these go when the new ones are healthy
change_over() {
    local old count
    old="$(docker compose ps -q "$1")"
    count="$(wc -w <<<"$old")"
    if [ "$count" = 0 ]; then return 0; fi
    docker compose up -d --no-build --no-deps --no-recreate --scale "$1=$((2 * count))" "$1"
    wait_for_new "$1" "$old"
    # shellcheck disable=SC2086  # one word each
    docker stop --time 60 $old >/dev/null && docker rm $old >/dev/null
}

# A container goes on with the file it was started with, whatever the checkout has
renew_proxy() {
    if ! docker compose exec -T proxy cat /etc/nginx/proxy.conf | cmp --silent - deploy/proxy.conf; then
        docker compose up -d --no-build --no-deps --force-recreate proxy
    fi
}

# Until each container of the service that is not an old one is healthy
wait_for_new() {
    local until=$((SECONDS + HEALTHY_S)) id health
    for id in $(docker compose ps -q "$1"); do
        case "$2" in *"$id"*) continue ;; esac
        while :; do
            health="$(docker inspect -f '{{.State.Health.Status}}' "$id")"
            [ "$health" != healthy ] || break
            if [ "$SECONDS" -ge "$until" ]; then
                docker logs --tail 30 "$id" >&2
                docker rm -f "$id" >/dev/null
                echo "The new $1 does not get healthy; the old one goes on." >&2
                exit 1
            fi
            sleep 1
        done
    done
}

main "$@"
