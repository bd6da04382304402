#!/usr/bin/env bash
# Makes what `docker compose` needs before its first start: .env and a file for each secret. What is there already
# stays; secrets that an older .env holds move into their files, so that the data made with them can still be read.
#
#   bash deploy/env.sh                                              everything on this host
#   bash deploy/env.sh --external DATABASE_URL REDIS_URL STORE_URL  services of your own ("" or -: the bundled one)
#   bash deploy/env.sh --worker DATABASE_URL REDIS_URL STORE_URL    workers alone, for docker-compose.worker.yml
set -euo pipefail
umask 077
here="$(cd "$(dirname "$0")" && pwd)"
cd "${ENV_HOME:-$here/..}"
SECRETS="${SECRETS:-./secrets}"

main() {
    local kind="${1:-}" database="${2:-}" redis="${3:-}" store="${4:-}"
    case "$kind" in
        "") ;;
        --external | --worker) [ $# -eq 4 ] || fail "$kind takes three addresses: database, Redis, store." ;;
        *) fail "$kind is none of --external and --worker." ;;
    esac
    make_folder
    [ -e .env ] || cp .env.example .env
    chmod 600 .env
    write_address database_url "$database" CLIP_BROWSER_DATABASE_URL
    write_address redis_url "$redis" CLIP_BROWSER_REDIS_URL
    write_address store_url "$store" CLIP_BROWSER_STORE_URL
    write hf_token "$(take HF_TOKEN)"
    write backup_to "$(take CLIP_BROWSER_BACKUP_TO)"
    write llm_api_key "$(take CLIP_BROWSER_LLM_API_KEY)"
    write flower_login "admin:$(or_random "")"
    if [ "$kind" = --worker ]; then
        set_profiles ""
    else
        write_own
    fi
    forget_secrets
    echo ".env and the files in $SECRETS are ready."
}

# The API's secrets, and those of each bundled service that no address replaces
write_own() {
    local profiles=""
    write secret_key "$(or_random "$(take CLIP_BROWSER_SECRET_KEY)")"
    write admin_password "$(or_random "$(take CLIP_BROWSER_ADMIN_PASSWORD)")"
    write oidc_client_secret "$(take CLIP_BROWSER_OIDC_CLIENT_SECRET)"
    if bundle postgres_password POSTGRES_PASSWORD database_url 'postgresql://clip_browser:%s@postgres:5432/clip_browser'; then
        profiles+=",postgres"
    fi
    if bundle redis_password REDIS_PASSWORD redis_url 'redis://:%s@redis:6379/0'; then
        profiles+=",redis"
    fi
    keep_minio
    if bundle store_secret MINIO_ROOT_PASSWORD store_url 's3://clip-browser:%s@store:8333/clip-browser?secure=0'; then
        profiles+=",store"
    fi
    set_profiles "${profiles#,}"
}

# Whose pictures are in a MinIO of an earlier version keeps it, under the address that the store has now
keep_minio() {
    local files
    if [ -z "$(take MINIO_ROOT_PASSWORD)" ] && ! grep -q '@minio:9000/' "$SECRETS/store_url"; then
        return
    fi
    sed -i 's|@minio:9000/|@store:8333/|' "$SECRETS/store_url"
    files="$(take COMPOSE_FILE)"
    case "$files" in
        *docker-compose.minio.yml*) return ;;
    esac
    sed -i '/^COMPOSE_FILE=/d' .env
    echo "COMPOSE_FILE=${files:-docker-compose.yml}:docker-compose.minio.yml" >>.env
}

# bundle SECRET OLD_NAME URL_FILE FORM: false where the address is of somebody else's service
bundle() {
    local address host="${4#*@}"
    address="$(cat "$SECRETS/$3")"
    if [ -n "$address" ] && [[ "$address" != *"@${host%%/*}"* ]]; then
        return 1
    fi
    write "$1" "$(or_random "$(take "$2")")"
    # shellcheck disable=SC2059  # the form is ours
    [ -n "$address" ] || printf "$4" "$(cat "$SECRETS/$1")" >"$SECRETS/$3"
}

# write_address FILE GIVEN OLD_NAME: what is given now goes before what is there
write_address() {
    if [ -n "$2" ] && [ "$2" != - ]; then
        printf '%s' "$2" >"$SECRETS/$1"
    fi
    write "$1" "$(take "$3")"
}

# Containers run as other users than you, so the files can be read by all; the folder lets nobody else in.
make_folder() {
    mkdir -p "$SECRETS"
    chmod 700 "$SECRETS"
}

# write NAME VALUE: an empty value is a secret that is not set; what is there already stays
write() {
    local file="$SECRETS/$1"
    if [ ! -s "$file" ]; then
        printf '%s' "$2" >"$file"
    fi
    chmod 644 "$file"
}

# take NAME: what .env says, without quotation marks
take() {
    sed -n "s/^$1=//p" .env | tail -n 1 | sed "s/^['\"]\(.*\)['\"]\$/\1/"
}

# Secrets are in their files now: no second copy of them stays in .env
forget_secrets() {
    local name
    for name in CLIP_BROWSER_DATABASE_URL CLIP_BROWSER_REDIS_URL CLIP_BROWSER_STORE_URL HF_TOKEN CLIP_BROWSER_LLM_API_KEY \
        CLIP_BROWSER_SECRET_KEY CLIP_BROWSER_ADMIN_PASSWORD CLIP_BROWSER_OIDC_CLIENT_SECRET POSTGRES_PASSWORD \
        REDIS_PASSWORD MINIO_ROOT_PASSWORD; do
        sed -i "/^$name=/d" .env
    done
}

# The bundled services that run here; other profiles (tensorboard) stay
set_profiles() {
    local kept all
    kept="$(take COMPOSE_PROFILES | tr ',' '\n' | grep -vxE 'bundled|postgres|redis|store|' | paste -sd, || true)"
    all="$1${1:+${kept:+,}}$kept"
    sed -i '/^COMPOSE_PROFILES=/d' .env
    echo "COMPOSE_PROFILES=$all" >>.env
}

or_random() {
    if [ -n "$1" ]; then echo "$1"; else od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; fi
}

fail() {
    echo "$1" >&2
    sed -n 's/^#   bash/bash/p' "$here/env.sh" >&2
    exit 2
}

main "$@"
