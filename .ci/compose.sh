#!/usr/bin/env bash
# docs/deploy.md tried on a real engine: from a clean checkout to the whole way, then all that may happen to a stack.
# Needs Docker with compose, curl and git; takes about half an hour and leaves nothing running.
#
#   bash .ci/compose.sh             all of it
#   bash .ci/compose.sh STEP ...    these of: way restart upgrade scale killed faults flower backup hosts external
#                                   (the stack is started before them, and the way comes first)
#
# TRIAL_PORT (18000): where it listens. TRIAL_BUILD=0: the images clip-browser:trial and clip-browser-ml:trial are there.
# TRIAL_KEEP=1: the stack is left running. TRIAL_FILES: more compose files, with ':' between, after the own one.
set -euo pipefail
cd "$(dirname "$0")/.."

PORT="${TRIAL_PORT:-18000}"
URL="http://127.0.0.1:$PORT"
AWAY_S="${TRIAL_AWAY_S:-30}"
PATIENCE_S=5 # of a request while a part is away
MOST_MB=700 # of the image that the API and the workers without PyTorch run in
TRAIN='"model":"clip-browser-small","pretrained":"","batch_size":32'
work="$(mktemp -d)"
table="$work/table"
checkout="$work/checkout"
failed=0

main() {
    trap finish EXIT
    local steps=("$@")
    [ $# -gt 0 ] || steps=(way restart upgrade scale killed faults flower hosts backup external)
    start
    for step in "${steps[@]}"; do "step_$step"; done
    say "Containers"
    compose ps --format 'table {{.Service}}\t{{.Status}}'
    say "What was found"
    cat "$table"
    exit "$failed"
}

finish() {
    local code=$?
    if [ "$code" != 0 ] && [ -d "$checkout" ]; then compose logs --tail 20 2>&1 | tail -n 120 || true; fi
    if [ -z "${TRIAL_KEEP:-}" ]; then
        [ ! -d "$work/other" ] || other down --volumes --timeout 20 >/dev/null 2>&1 || true
        [ ! -d "$checkout" ] || compose --profile '*' down --volumes --timeout 20 >/dev/null 2>&1 || true
        rm -rf "$work"
    fi
    exit "$code"
}

compose() {
    (cd "$checkout" && docker compose --progress quiet "$@")
}

# The same for the stack of another host
other() {
    (cd "$work/other" && docker compose --progress quiet "$@")
}

say() { printf '\n== %s\n' "$1"; }

# note WHAT FIGURE: a line of the table
note() {
    printf '%-58s %s\n' "$1" "$2" | tee -a "$table"
}

# check WHAT COMMAND ...: a line of the table, and a failure of the whole when the command fails
check() {
    local what="$1"
    shift
    if "$@"; then note "$what" yes; else
        note "$what" NO
        failed=1
    fi
}

now_s() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now_s)" 'BEGIN { printf "%.1f", b - a }'; }

# --- the stack

start() {
    say "A clean checkout, its secrets, its images"
    git clone --quiet . "$checkout"
    (cd "$checkout" && bash deploy/env.sh)
    cat >>"$checkout/.env" <<SETTINGS
COMPOSE_PROJECT_NAME=clip-browser-trial
COMPOSE_FILE=docker-compose.yml${TRIAL_FILES:+:$TRIAL_FILES}
CLIP_BROWSER_PORT=$PORT
CLIP_BROWSER_CHECKPOINT_EVERY_S=10
IMAGE_TAG=trial
SETTINGS
    local began
    if [ "${TRIAL_BUILD:-1}" = 1 ]; then
        began="$(now_s)"
        compose build >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
        note "images built in" "$(since "$began") s"
    fi
    for image in clip-browser clip-browser-ml; do
        note "image $image" "$(image_mb "$image:trial") MB"
    done
    check "the image without PyTorch is under $MOST_MB MB" [ "$(image_mb clip-browser:trial)" -lt "$MOST_MB" ]
    began="$(now_s)"
    compose up -d --no-build
    wait_healthy 300
    note "from up to all healthy" "$(since "$began") s"
    sign_in
    say "Idle"
    sleep 20
    memory | tee -a "$table"
}

image_mb() { docker image inspect -f '{{.Size}}' "$1" | awk '{ printf "%.0f", $1 / 1e6 }'; }

memory() {
    local ids
    ids="$(compose ps -q)"
    # shellcheck disable=SC2086  # one word each
    docker stats --no-stream --format 'idle memory {{.Name}}|{{.MemUsage}}' $ids |
        sed 's/clip-browser-trial-//; s/ \/.*//' | sort | awk -F'|' '{ printf "%-58s %s\n", $1, $2 }'
}

# wait_healthy SECONDS [other]: until every container of the stack is well
wait_healthy() {
    local until=$((SECONDS + $1)) sick
    while :; do
        sick="$("${2:-compose}" ps -a --format '{{.Service}} {{.State}} {{.Health}}' | grep -v ' running healthy$' || true)"
        [ -n "$sick" ] || return 0
        if [ "$SECONDS" -ge "$until" ]; then
            echo "not healthy after $1 s:"
            echo "$sick"
            return 1
        fi
        sleep 1
    done
}

# --- requests

sign_in() {
    local body
    body="{\"username\":\"admin\",\"password\":\"$(cat "$checkout/secrets/admin_password")\"}"
    TOKEN="$(curl -sS -m 30 -H 'Content-Type: application/json' -d "$body" "$URL/api/v1/auth/login" | field token)"
    [ -n "$TOKEN" ] || { echo "nobody can sign in"; exit 1; }
}

# field NAME: the first field of that name in a JSON text, a word or a number
field() { grep -oE "\"$1\": ?(\"[^\"]*\"|[0-9.]+|true|false|null)" | head -n 1 | sed -E "s/^\"$1\": ?//; s/^\"//; s/\"\$//" || true; }

# call METHOD PATH [JSON]: the answer's body, with its status in $work/status and its seconds in $work/took
call() {
    local options=(-sS -m "${MAX_S:-60}" -X "$1" -H "Authorization: Bearer $TOKEN" -o "$work/body" -w '%{http_code} %{time_total}')
    [ $# -lt 3 ] || options+=(-H 'Content-Type: application/json' -d "$3")
    : >"$work/body"
    curl "${options[@]}" "$URL/api/v1$2" >"$work/answer" 2>"$work/curl-error" || true
    read -r status took <"$work/answer" || true
    cat "$work/body"
}

# job KIND PARAMS: starts one of the dataset; its id
job() {
    call POST "/datasets/$dataset/jobs" "{\"kind\":\"$1\",\"params\":{$2}}" | field id
}

# wait_job ID SECONDS: its last state
wait_job() {
    local until=$((SECONDS + $2)) state
    while :; do
        state="$(MAX_S=10 call GET "/jobs/$1" | field state)"
        case "$state" in succeeded | failed | stopped) echo "$state"; return 0 ;; esac
        [ "$SECONDS" -lt "$until" ] || { echo "${state:-unknown}"; return 0; }
        sleep 1
    done
}

# run KIND PARAMS SECONDS: starts a job, waits for it, notes how long it took
run() {
    local began id
    began="$(now_s)"
    id="$(job "$1" "$2")"
    last="$id"
    if [ "$(wait_job "$id" "$3")" = succeeded ]; then note "$1" "$(since "$began") s"; else
        note "$1" "FAILED: $(call GET "/jobs/$id" | field message)"
        call GET "/jobs/$id/log" | tail -n 5
        failed=1
    fi
}

search() {
    call GET "/datasets/$dataset/search?q=a%20red%20circle&model=$model" | grep -q '"hits"'
}

save_caption() {
    local revision
    revision="$(call GET "/images/$image" | field revision)"
    call PUT "/images/$image/caption" "{\"text\":\"a red circle $RANDOM\",\"base_revision\":${revision:-0},\"client_id\":\"trial-$RANDOM-$RANDOM\"}" >/dev/null
    read -r status took <"$work/answer"
    [ "${status:0:1}" = 2 ]
}

# --- the way

step_way() {
    say "The whole way"
    local made began
    began="$(now_s)"
    made="$(call POST /datasets/sample '{}')"
    dataset="$(echo "$made" | grep -oE '"dataset": ?\{.*' | field id)"
    last="$(echo "$made" | grep -oE '"job": ?\{.*' | field id)"
    check "sample drawn" [ "$(wait_job "$last" 180)" = succeeded ]
    note "sample" "$(since "$began") s"
    image="$(call GET "/datasets/$dataset/images?limit=1" | grep -oE '"items": ?\[.*' | field id)"
    check "caption saved" save_caption
    run split '' 120
    run augment '' 180
    run train "$TRAIN,\"epochs\":1" 1800
    model="$(call GET "/jobs/$last" | field model_id)"
    run index "\"model\":\"$model\"" 900
    began="$(now_s)"
    check "search finds" search
    note "first search" "$(since "$began") s"
    run map "\"model\":\"$model\"" 900
}

step_restart() {
    say "restart, then down and up"
    local began
    began="$(now_s)"
    compose restart --timeout 60
    wait_healthy 300
    note "restart, until all healthy" "$(since "$began") s"
    check "search after restart" search
    compose down --timeout 60
    began="$(now_s)"
    compose up -d --no-build
    wait_healthy 300
    note "down and up, until all healthy" "$(since "$began") s"
    check "search after down and up" search
}

# A changed line, a new image, and somebody who saves captions all the while
step_upgrade() {
    say "An upgrade while somebody saves captions"
    local layers_before layers_after began
    layers_before="$(docker image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' clip-browser-ml:trial)"
    echo '# a changed line' >>"$checkout/workers/__init__.py"
    began="$(now_s)"
    keep_saving &
    local saver=$!
    (cd "$checkout" && bash deploy/upgrade.sh --no-pull >"$work/upgrade.log" 2>&1) || { tail -n 30 "$work/upgrade.log"; failed=1; }
    wait_healthy 300
    note "upgrade by rebuild, until all healthy" "$(since "$began") s"
    touch "$work/stop-saving"
    wait "$saver" || true
    layers_after="$(docker image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' clip-browser-ml:trial)"
    note "new layers of clip-browser-ml" "$(comm -13 <(sort <<<"$layers_before") <(sort <<<"$layers_after") | grep -c . || true)"
    note "saves during it: all, refused, slowest" "$(awk '{ n++; if ($1 !~ /^2/) r++; if ($2 > m) m = $2 } END { printf "%d, %d, %.1f s", n, r, m }' "$work/saves")"
    note "longest time without a save" "$(awk '{ if ($1 ~ /^2/) { if (last && $3 - last > g) g = $3 - last; last = $3 } } END { printf "%.1f s", g }' "$work/saves")"
    check "search after the upgrade" search
}

keep_saving() {
    work="$work/saver"
    mkdir -p "$work"
    while [ ! -e "$work/../stop-saving" ]; do
        MAX_S=20 save_caption || true
        echo "${status:-000} ${took:-20} $(now_s)" >>"$work/../saves"
        sleep 0.3
    done
}

step_scale() {
    say "Two of each"
    local began ids="" id
    began="$(now_s)"
    compose up -d --no-build --no-recreate --scale api=2 --scale worker-cpu=2 --scale worker-gpu=2
    wait_healthy 300
    note "scaled to two, until all healthy" "$(since "$began") s"
    for _ in 1 2; do ids+=" $(job index "\"model\":\"$model\"")"; done
    for id in $ids; do check "job on two workers" [ "$(wait_job "$id" 300)" = succeeded ]; done
    for _ in 1 2 3 4 5 6; do save_caption || { failed=1; note "save through two API containers" NO; }; done
    note "who answers" "$(compose ps -q api | wc -l) API containers"
    compose up -d --no-build --no-recreate --scale api=1 --scale worker-cpu=1 --scale worker-gpu=1
    wait_healthy 120
}

step_killed() {
    say "A worker killed while it trains"
    local began id="" state=""
    id="$(job train "$TRAIN,\"epochs\":2")"
    for _ in $(seq 600); do
        state="$(call GET "/jobs/$id" | field done)"
        if [[ "$state" =~ ^[0-9]+$ ]] && [ "$state" -ge 4 ]; then break; fi
        sleep 1
    done
    began="$(now_s)"
    docker kill "$(compose ps -q worker-gpu | head -n 1)" >/dev/null
    compose up -d --no-build
    check "training killed in its middle goes on to its end" [ "$(wait_job "$id" 1800)" = succeeded ]
    note "from the kill to its end" "$(since "$began") s"
    wait_healthy 120
}

# --- parts away

step_faults() {
    for part in store redis postgres; do
        away "$part" stop "$part stopped"
        away "$part" pause "$part silent"
    done
    check "search after all of it" search
}

# away SERVICE stop|pause LABEL: half a minute without it, requests all the while
away() {
    say "$3 for $AWAY_S s"
    local until began
    : >"$work/asked"
    search || true # the model is loaded before, which takes longer
    if [ "$2" = stop ]; then compose stop --timeout 5 "$1"; else compose pause "$1"; fi
    until=$((SECONDS + AWAY_S))
    while [ "$SECONDS" -lt "$until" ]; do
        ask GET /datasets
        ask GET "/images/$image/thumb"
        ask GET "/images/$image/file"
        ask GET /jobs
        ask GET "/datasets/$dataset/search?q=a%20star&model=$model"
        ask PUT "/images/$image/caption" "{\"text\":\"away $RANDOM\",\"base_revision\":0,\"client_id\":\"away-$RANDOM-$RANDOM\"}"
        ask POST "/datasets/$dataset/jobs" '{"kind":"split","params":{}}'
    done
    if [ "$2" = stop ]; then compose start "$1"; else compose unpause "$1"; fi
    began="$(now_s)"
    for _ in $(seq 120); do if save_caption && search; then break; fi; sleep 0.5; done
    note "$3: requests, answered, by name, nameless, slowest" "$(awk '{ n++; if ($1 ~ /^[234]/) ok++; else if ($3 != "-") named++; else bad++; if ($2 > m) m = $2 } END { printf "%d, %d, %d, %d, %.1f s", n, ok, named, bad, m }' "$work/asked")"
    sort -k2 -rn "$work/asked" | sed -n 1,3p
    check "$3: every request answered within $PATIENCE_S s, by name" awk -v most="$PATIENCE_S" '$2 > most || ($1 !~ /^[234]/ && $3 == "-") { bad = 1 } END { exit bad }' "$work/asked"
    note "$3: saving and searching again after" "$(since "$began") s"
    wait_healthy 180
}

# ask METHOD PATH [JSON]: a line of status, seconds, the error's name, and what was asked
ask() {
    local code
    code="$(MAX_S=60 call "$@" | head -c 2000 | tr -d '\0' | field code || true)"
    read -r status took <"$work/answer" || true
    echo "${status:-000} ${took:-60} ${code:--} $1 ${2%%\?*}" >>"$work/asked"
}

# --- beside it

step_flower() {
    say "Flower"
    local there=http://127.0.0.1:5555/
    [ "${TRIAL_BUILD:-1}" != 1 ] || compose --profile flower build flower >>"$work/build.log" 2>&1
    compose --profile flower up -d --no-build flower
    wait_healthy 120
    note "image clip-browser-flower" "$(image_mb clip-browser-flower:trial) MB"
    check "Flower asks who is there" [ "$(curl -s -m 20 -o /dev/null -w '%{http_code}' "$there")" = 401 ]
    check "and lets in who knows the password" [ "$(curl -s -m 20 -o /dev/null -w '%{http_code}' -u "$(cat "$checkout/secrets/flower_login")" "$there")" = 200 ]
    check "and shows the workers" shows_workers "$there"
    compose --profile flower rm --force --stop flower
}

shows_workers() {
    local login
    login="$(cat "$checkout/secrets/flower_login")"
    for _ in $(seq 20); do
        if curl -s -m 20 -u "$login" "${1}api/workers?refresh=1" | grep -q 'gpu@'; then return 0; fi
        sleep 2
    done
    return 1
}

# A second host, as compose sees it: a project of its own, which reaches the first by an address alone
step_hosts() {
    say "Workers of another host"
    local name id
    share_services
    compose up -d --no-build --scale worker-cpu=0 --scale worker-gpu=0
    make_other --worker
    echo "COMPOSE_FILE=docker-compose.yml:docker-compose.worker.yml" >>"$work/other/.env"
    start_other "workers of another host"
    check "there are workers alone" [ "$(other ps --services | sort | tr '\n' ' ')" = "worker-cpu worker-gpu worker-search " ]
    for name in index map; do
        id="$(job "$name" "\"model\":\"$model\"")"
        check "$name on the other host" [ "$(wait_job "$id" 600)" = succeeded ]
    done
    end_other
    compose up -d --no-build
    wait_healthy 300
}

# The bundled services stand for those of somebody else: a second stack knows of them what stands in three addresses.
step_external() {
    say "With a database, a Redis and a store of one's own"
    share_services
    compose --profile '*' down --volumes --timeout 60
    compose up -d --no-build --wait postgres redis store
    make_other --external
    echo "CLIP_BROWSER_PORT=$((PORT + 1))" >>"$work/other/.env"
    start_other "with services of one's own"
    check "no bundled service runs" [ "$(other ps --services | grep -cxE 'postgres|redis|store')" = 0 ]
    (
        URL="http://127.0.0.1:$((PORT + 1))"
        checkout="$work/other"
        sign_in
        step_way
        exit "$failed"
    ) || failed=1
    end_other
    compose down --volumes --timeout 60
    compose up -d --no-build
    wait_healthy 300
    sign_in
}

# The bundled services listen for other hosts, on the engine's own bridge
share_services() {
    grep -q '^SHARE_ADDRESS=' "$checkout/.env" && return
    echo "SHARE_ADDRESS=$(gateway)" >>"$checkout/.env"
    sed -i "s/^COMPOSE_FILE=.*/&:docker-compose.share.yml/" "$checkout/.env"
}

gateway() { docker network inspect bridge -f '{{(index .IPAM.Config 0).Gateway}}'; }

# make_other --worker|--external: a second checkout, which knows the services of the first one by their addresses
make_other() {
    local name urls=()
    git clone --quiet . "$work/other"
    for name in database_url redis_url store_url; do
        urls+=("$(sed -E "s/@(postgres|redis|store):/@$(gateway):/" "$checkout/secrets/$name")")
    done
    (cd "$work/other" && bash deploy/env.sh "$1" "${urls[@]}")
    printf '%s\n' COMPOSE_PROJECT_NAME=clip-browser-trial-other IMAGE_TAG=trial >>"$work/other/.env"
}

# start_other WHAT: what it is called in the table
start_other() {
    local began
    began="$(now_s)"
    other up -d --no-build
    wait_healthy 300 other
    note "$1, until all healthy" "$(since "$began") s"
}

end_other() {
    other down --volumes --timeout 60
    rm -rf "$work/other"
}

# As docs/backup.md gives it; what is restored into has nothing of the first stack but its secrets
step_backup() {
    say "Backup, and the way back into an empty stack"
    mkdir -m 777 "$work/backups"
    check "backup made" beside backup /backups
    check "backup read over" beside backup verify /backups
    printf /data/backups >"$checkout/secrets/backup_to"
    compose up -d --no-build --no-deps --force-recreate worker-maintenance
    check "a backup by itself" backed_up
    : >"$checkout/secrets/backup_to"
    compose down --volumes --timeout 60
    compose up -d --no-build --wait postgres store
    check "restored" beside restore /backups
    compose up -d --no-build
    wait_healthy 300
    sign_in
    call GET "/images/$image/file" >/dev/null
    check "pictures are there" [ "$status" = 200 ]
    check "search after the restore" search
    check "caption saved after the restore" save_caption
}

beside() {
    compose run --rm -T --no-deps -v "$work/backups:/backups" worker-maintenance clip-browser "$@" >>"$work/backup.log" 2>&1 || {
        tail -n 5 "$work/backup.log"
        return 1
    }
}

backed_up() {
    for _ in $(seq 90); do
        if compose exec -T worker-maintenance clip-browser backup list /data/backups --json 2>/dev/null | grep -q '"backup"'; then return 0; fi
        sleep 2
    done
    return 1
}

main "$@"
