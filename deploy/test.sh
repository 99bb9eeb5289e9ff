#!/bin/sh
# Everything that has to be true before a change goes in, on a Debian machine with Rust and nothing else.
#
#   sh deploy/test.sh [arguments of the test runner, for example a filter]
#
# Installs what is missing, starts one PostgreSQL cluster and one Redis for the run, runs the steps and prints how long
# each took. A step that fails does not keep the others from running; the run fails if any did.
#
#   DOMICILE_TEST_STEPS   the steps to run (default: all of "fmt lint build test doc generated"); "none" only proves
#                         that what is needed is there

set -eu
cd "$(dirname "$0")/.."

steps=${DOMICILE_TEST_STEPS:-fmt lint build test doc generated}
home=
redis=
postgres_started=no
programs=
table=
failed=

say() {
    printf '\n== %s\n' "$*"
}

# --- what must be there ------------------------------------------------------

# Prints the folder of PostgreSQL's programs, which Debian keeps out of PATH, one folder a version.
postgres_programs() {
    if command -v initdb >/dev/null 2>&1; then
        dirname "$(readlink -f "$(command -v initdb)")"
        return
    fi
    for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn); do
        if [ -x "$folder/initdb" ]; then
            echo "$folder"
            return
        fi
    done
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_missing() {
    missing=
    [ -n "$(postgres_programs)" ] || missing="$missing postgresql"
    command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
    if [ -f deploy/packages.txt ]; then
        for package in $(sed 's/#.*//' deploy/packages.txt); do
            is_installed "$package" || missing="$missing $package"
        done
    fi
    [ -n "$missing" ] || return 0

    say "installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root='sudo -n DEBIAN_FRONTEND=noninteractive'
    elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
        as_root='sudo DEBIAN_FRONTEND=noninteractive'
    else
        echo "Something is missing. As root, run:" >&2
        echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # both are lists of words
    $as_root apt-get update && $as_root apt-get install -y --no-install-recommends $missing </dev/null
}

# --- servers -----------------------------------------------------------------

# PostgreSQL refuses to run as root; then the user that its package makes runs it.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        (cd "$home" && runuser -u postgres -- "$@")
    else
        (cd "$home" && "$@")
    fi
}

# A port below those that the kernel gives to clients. Somebody may listen on it: who uses it tries again.
random_port() {
    number=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
    echo $((15000 + number % 15000))
}

start_postgres() {
    programs=$(postgres_programs)
    mkdir "$home/postgres" "$home/socket"
    if [ "$(id -u)" = 0 ]; then
        chown postgres "$home/postgres" "$home/socket"
    fi
    as_postgres "$programs/initdb" -A trust -U postgres -E UTF8 --locale=C.UTF-8 -N -D "$home/postgres/data" \
        >"$home/initdb.log" 2>&1 || { cat "$home/initdb.log"; return 1; }
    tries=0
    while [ "$tries" -lt 5 ]; do
        tries=$((tries + 1))
        port=$(random_port)
        options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$home/socket"
        options="$options -c max_connections=300 -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        if as_postgres "$programs/pg_ctl" start -w -t 60 -s -D "$home/postgres/data" -l "$home/postgres/server.log" \
            -o "$options" </dev/null >/dev/null 2>&1; then
            postgres_started=yes
            DOMICILE_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres"
            export DOMICILE_TEST_POSTGRES
            return 0
        fi
    done
    cat "$home/postgres/server.log"
    return 1
}

start_redis() {
    mkdir "$home/redis"
    tries=0
    while [ "$tries" -lt 5 ]; do
        tries=$((tries + 1))
        port=$(random_port)
        redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$home/redis" \
            </dev/null >"$home/redis/server.log" 2>&1 &
        redis=$!
        waits=0
        while kill -0 "$redis" 2>/dev/null && [ "$waits" -lt 100 ]; do
            if grep -q 'Ready to accept connections' "$home/redis/server.log"; then
                DOMICILE_TEST_REDIS="redis://127.0.0.1:$port/"
                export DOMICILE_TEST_REDIS
                return 0
            fi
            waits=$((waits + 1))
            sleep 0.1
        done
        kill "$redis" 2>/dev/null || true
        wait "$redis" 2>/dev/null || true
        redis=
    done
    cat "$home/redis/server.log"
    return 1
}

start_servers() {
    home=$(mktemp -d "${TMPDIR:-/tmp}/domicile-run.XXXXXX")
    # The user postgres has to pass through.
    chmod 755 "$home"
    start_postgres
    start_redis
}

stop_servers() {
    if [ -n "$redis" ]; then
        kill "$redis" 2>/dev/null || true
        wait "$redis" 2>/dev/null || true
        redis=
    fi
    if [ "$postgres_started" = yes ]; then
        as_postgres "$programs/pg_ctl" stop -m immediate -s -D "$home/postgres/data" >/dev/null 2>&1 || true
        postgres_started=no
    fi
    if [ -n "$home" ]; then
        rm -rf "$home"
        home=
    fi
}

# --- steps -------------------------------------------------------------------

# Clippy, build and tests look at the same packages with the same features, so that each builds on what the one before
# has built.
everything='--workspace --all-features'

step_fmt() {
    cargo fmt --all --check
}

step_lint() {
    # shellcheck disable=SC2086 # a list of words
    cargo clippy $everything --all-targets -- -D warnings
}

# The dev binary, which the process tests start.
step_build() {
    # shellcheck disable=SC2086
    cargo build $everything --bins
}

step_test() {
    if cargo nextest --version >/dev/null 2>&1; then
        # shellcheck disable=SC2086
        cargo nextest run $everything "$@"
    else
        # shellcheck disable=SC2086
        cargo test $everything --all-targets "$@"
    fi
}

# The examples in the documentation of the domain crates; nextest does not run them.
step_doc() {
    packages=
    for folder in crates/domain/*/; do
        packages="$packages -p domicile-$(basename "$folder")"
    done
    # shellcheck disable=SC2086
    cargo test --doc --all-features $packages
}

# Generated files that are in the repository must be what their recipe writes now. The binary is that of the build step.
step_generated() {
    # shellcheck disable=SC2086
    cargo build -q $everything --bins
    mkdir "$home/docs"
    "${CARGO_TARGET_DIR:-target}/debug/domicile" openapi --out "$home/docs"
    stale=
    for name in openapi errors.md; do
        diff -r "docs/$name" "$home/docs/$name" || stale="$stale docs/$name"
    done
    if [ -n "$stale" ]; then
        echo "Stale:$stale. Run 'cargo run -- openapi --out docs' and commit the result." >&2
        return 1
    fi
}

# Runs a step, whatever it answers, and notes how long it took.
run_step() {
    name=$1
    shift
    say "$name"
    started=$(date +%s)
    # In a shell of its own: `set -e` does not hold inside a function whose answer is asked for.
    set +e
    (
        set -e
        "step_$name" "$@"
    )
    answer=$?
    set -e
    seconds=$(($(date +%s) - started))
    verdict=ok
    if [ "$answer" != 0 ]; then
        verdict=FAILED
        failed="$failed $name"
    fi
    tenths=$(((seconds * 10 + 30) / 60))
    table="$table$(printf '%-12s %5d.%d  %s' "$name" $((tenths / 10)) $((tenths % 10)) "$verdict")
"
}

# --- the run -----------------------------------------------------------------

trap stop_servers EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

install_missing
start_servers

for step in $steps; do
    case $step in
    none) ;;
    test) run_step test "$@" ;;
    fmt | lint | build | doc | generated) run_step "$step" ;;
    *)
        echo "There is no step '$step'." >&2
        exit 2
        ;;
    esac
done

if [ -n "$table" ]; then
    say "minutes by step"
    printf '%s' "$table"
fi
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi
