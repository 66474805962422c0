#!/usr/bin/env bash
# `ws conform` against servers and clients of other libraries, which return messages: tungstenite (crates.io), websockets
# (PyPI), ws (npm) and gorilla/websocket (Debian). Installs them into target/, and the package of Debian with apt-get.
# Fails if what a library fails is not what examples/ws/README.md says, or if our own server fails. Arguments are passed
# to `ws conform`. The last line says how many were judged, and how long that took.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
peers=$PWD/tests/interop/conform
work=$target/conform
mkdir -p "$work"
pids=()
stop() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
}
trap stop EXIT
fail() {
    echo "conform: $*" >&2
    exit 1
}

# The versions that the table in the README is about.
tungstenite=0.30.0 websockets=17.4 ws=8.23.0

missing=()
command -v go >/dev/null || missing+=(golang-go)
[[ -d /usr/share/gocode/src/github.com/gorilla/websocket ]] || missing+=(golang-github-gorilla-websocket-dev)
command -v npm >/dev/null || missing+=(nodejs npm)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]} > 0)); then
    command -v apt-get >/dev/null || fail "${missing[*]} missing, and there is no apt-get to install it"
    apt-get update -qq && apt-get install -y -qq "${missing[@]}"
fi

mkdir -p "$work/tungstenite/src/bin"
cp "$peers/echo.rs.txt" "$work/tungstenite/src/bin/echo.rs"
cp "$peers/client.rs.txt" "$work/tungstenite/src/bin/client.rs"
rm -f "$work/tungstenite/src/main.rs"
cat >"$work/tungstenite/Cargo.toml" <<TOML
[package]
name = "echo"
version = "0.0.0"
edition = "2021"

[dependencies]
tungstenite = "=$tungstenite"

[workspace]
TOML
cargo build --quiet --manifest-path "$work/tungstenite/Cargo.toml" --target-dir "$work/tungstenite/target"
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet "websockets==$websockets"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund --no-save "ws@$ws")
# Without modules: the package of Debian is in this path.
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$work/go
go build -o "$work/gorilla" "$peers/echo.go"
go build -o "$work/gorilla-client" "$peers/client.go"
gorilla=$(dpkg-query -W -f '${Version}' golang-github-gorilla-websocket-dev)
cargo build --quiet --locked --example ws
tool=$target/debug/examples/ws

begun=$SECONDS servers=0 clients=0
# Waits until the first line of a file has a port, and prints it.
port_in() {
    for _ in $(seq 1200); do
        if head -1 "$1" 2>/dev/null | grep -oE ':?[0-9]+("|$)' | grep -oE '[0-9]+'; then return; fi
        sleep 0.05
    done
    return 1
}

# judge NAME EXPECTED COMMAND...: a server. EXPECTED are the names of the cases that it fails, sorted, separated by spaces.
judge() {
    local name=$1 expected=$2 port code=0
    : >"$work/out"
    "${@:3}" >"$work/out" 2>"$work/log" &
    pids+=($!)
    port=$(port_in "$work/out") || fail "$name did not start: $(cat "$work/log")"
    "$tool" conform "ws://127.0.0.1:$port" "${flags[@]}" --json >"$work/$name.jsonl" || code=$?
    report "server $name" "$name.jsonl" "$expected" "$code"
    servers=$((servers + 1))
}

# judge_client NAME EXPECTED COMMAND...: the same of a client, whose last argument is the URL.
judge_client() {
    local name=$1 expected=$2 port judge code=0 ended=0
    : >"$work/$name-client.jsonl"
    "$tool" conform --listen 127.0.0.1:0 --idle 60 "${flags[@]}" --json >"$work/$name-client.jsonl" &
    judge=$!
    pids+=("$judge")
    port=$(port_in "$work/$name-client.jsonl") || fail "ws conform --listen did not start"
    timeout 300 "${@:3}" "ws://127.0.0.1:$port" >"$work/log" 2>&1 || ended=$?
    wait "$judge" || code=$?
    ((ended == 0)) || fail "the client $name ended with $ended: $(tail -5 "$work/log")"
    report "client $name" "$name-client.jsonl" "$expected" "$code"
    clients=$((clients + 1))
}

# report TITLE FILE EXPECTED CODE
report() {
    (($4 == 0 || $4 == 3)) || fail "$1: ws conform ended with $4"
    echo "== $1"
    python3 - "$work/$2" "$3" <<'PYTHON'
import collections, json, sys
rows = [row for row in map(json.loads, open(sys.argv[1])) if "verdict" in row]
counts = collections.Counter(row["verdict"] for row in rows)
print(len(rows), "cases:", ", ".join(f"{counts[word]} {word}" for word in ("pass", "fail", "not applicable", "not seen")))
for row in rows:
    if row["verdict"] in ("fail", "not seen"):
        print(f'{row["verdict"]}: {row["id"]} {row["name"]}: {row["seen"]}'[:200])
if any("did not connect" in row["seen"] for row in rows):
    sys.exit("the client has not run all cases")
failed = " ".join(sorted(row["name"] for row in rows if row["verdict"] == "fail"))
if failed != sys.argv[2]:
    sys.exit(f"fails {failed!r} instead of {sys.argv[2]!r}")
PYTHON
}

flags=(--wait 15 "$@")
judge stdws "" "$tool" echo --addr 127.0.0.1:0 --deflate
malformed="extensions-no-value extensions-quoted-space extensions-semicolon"
offers="offer-client-value-unasked offer-client-window-16 offer-client-window-7 offer-repeated offer-server-window-10"
offers+=" offer-server-window-8 offer-unknown offer-value-unasked offer-window-16 offer-window-7"
offers+=" offer-window-leading-zero offer-window-without-value"
judge "tungstenite-$tungstenite" "$malformed without-host" "$work/tungstenite/target/debug/echo"
judge "websockets-$websockets" "names-its-versions without-host" "$work/python/bin/python" "$peers/echo.py"
judge "ws-$ws" "http-1.0 offer-window-leading-zero without-host" env NODE_PATH="$work/node_modules" node "$peers/echo.js"
judge "gorilla-$gorilla" "compressed-ping $malformed http-1.0 $offers rsv1-on-last-fragment" "$work/gorilla"
export NODE_PATH=$work/node_modules
judge_client "tungstenite-$tungstenite" "response-connection-list response-extension-unasked" "$work/tungstenite/target/debug/client"
judge_client "websockets-$websockets" "" "$work/python/bin/python" "$peers/client.py"
judge_client "ws-$ws" "answer-window-leading-zero" node "$peers/client.js"
answers="answer-repeated answer-unknown answer-value-unasked answer-window-16 answer-window-7 answer-window-leading-zero"
answers+=" answer-window-without-value"
unasked="response-extension-unasked response-subprotocol-unasked"
judge_client "gorilla-$gorilla" "$answers compressed-ping $unasked rsv1-on-last-fragment" "$work/gorilla-client"
echo "conform: $servers servers and $clients clients judged, with the results of the README, in $((SECONDS - begun)) s"
