#!/usr/bin/env bash
# Drafts of the protocol against implementations that are not ours: our client with their servers, their clients with our
# server. Which of them speaks what, and what of it they get wrong, is in the table below. Installs Debian packages and npm
# packages (into target/); about a minute after that.
set -euo pipefail

cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
peers=$PWD/tests/interop/drafts
work=$(mktemp -d)
pids=()
stop() {
    kill "${pids[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT
fail() {
    echo "drafts: $*" >&2
    tail -n 15 "$work"/*.log >&2 || true
    exit 1
}

if ! perl -MProtocol::WebSocket -e1 2>/dev/null || ! ruby -e 'require "em-websocket"; require "websocket"' 2>/dev/null; then
    command -v apt-get >/dev/null || fail "Perl's Protocol::WebSocket or Ruby's em-websocket is missing, and there is no apt-get"
    apt-get update -qq && apt-get install -y -qq libprotocol-websocket-perl ruby-em-websocket ruby-websocket
fi
if ! command -v npm >/dev/null; then
    apt-get update -qq && apt-get install -y -qq nodejs npm
fi
modules=$target/drafts
mkdir -p "$modules"
cp "$peers/package.json" "$modules/"
# Their native parts are optional, and not needed.
(cd "$modules" && npm install --silent --ignore-scripts --no-audit --no-fund)
export NODE_PATH=$modules/node_modules

cargo build --quiet --locked --features legacy --example client --example echo_server
client=$target/debug/examples/client

passed=0
# listen NAME COMMAND...: starts a server that prints its port, or "listening on ws://ADDRESS:PORT"; it is in $port then.
listen() {
    local out=$work/$1.out
    "${@:2}" >"$out" 2>"$work/$1.log" &
    pids+=($!)
    for _ in $(seq 1200); do
        port=$(grep -oE '[0-9]+$' "$out" || true)
        [[ -n $port ]] && return
        sleep 0.05
    done
    fail "$1 did not start"
}

long=$(printf 'y%.0s' $(seq 70000))
texts=("hello" "Grüße ☃" "$long")
# Our client with their server.
ours_with() {
    local name=$1 version
    shift
    for version in "$@"; do
        for text in "${texts[@]}"; do
            local got
            got=$(timeout 60 "$client" "ws://127.0.0.1:$port/echo" --version "$version" --origin "http://127.0.0.1:$port" --once "$text" 2>"$work/client.log") ||
                fail "our client, $name, $version"
            [[ $got == "$text" ]] || fail "our client, $name, $version: '${got:0:60}' came back"
        done
        passed=$((passed + 1))
        echo "drafts: our client, server $name, $version: ok"
    done
}
# Their client with our server, which speaks every version.
theirs_with() {
    local name=$1 version=$2 got
    shift 2
    got=$(timeout 60 "$@" 2>"$work/$name.log") || fail "client $name, our server, $version"
    [[ $got == echoed ]] || fail "client $name, our server, $version: it says '$got'"
    passed=$((passed + 1))
    echo "drafts: client $name, our server, $version: ok"
}

# em-websocket: the only other one with the true framing of -05 and -06. It knows no -04, and takes a request of -01,
# which does not say that it is one, for -00.
listen em-websocket ruby "$peers/em_websocket.rb"
ours_with em-websocket hixie-75 hybi-00 hybi-02 hybi-03 hybi-05 hybi-06 hybi-07 hybi-08 rfc6455
listen Protocol::WebSocket perl "$peers/protocol_websocket_server.pl"
# Not hixie-75: it answers with the status line of -76, and a client of -75 compares every byte.
ours_with Protocol::WebSocket hybi-00 hybi-08 rfc6455
listen websocket-driver-0.3 node "$peers/node_peers.js" serve driver
ours_with websocket-driver-0.3 hixie-75 hybi-00 hybi-07 hybi-08 rfc6455
listen websocket-driver-0.8 node "$peers/node_peers.js" serve driver-new
ours_with websocket-driver-0.8 hixie-75 hybi-00 rfc6455
listen ws-0.4 node "$peers/node_peers.js" serve ws
ours_with ws-0.4 hybi-00 hybi-08 rfc6455
listen websocket-1.0 node "$peers/node_peers.js" serve websocket
ours_with websocket-1.0 hybi-08 rfc6455

listen echo_server "$target/debug/examples/echo_server" --addr 127.0.0.1:0 --legacy
for row in draft-hixie-75:hixie-75 draft-ietf-hybi-00:hybi-00 draft-ietf-hybi-10:hybi-08 draft-ietf-hybi-17:rfc6455; do
    theirs_with Protocol::WebSocket "${row#*:}" perl "$peers/protocol_websocket_client.pl" "$port" "${row%:*}"
done
# Not hybi-00: about once in 15 times it strips a byte of its keys. Nor hybi-03: it says Sec-WebSocket-Draft: 3, and the
# draft says 2.
for row in 75:hixie-75 7:hybi-07 8:hybi-08 13:rfc6455; do
    theirs_with ruby-websocket "${row#*:}" ruby "$peers/websocket_client.rb" "$port" "${row%:*}"
done
# Its key for version 8 has 15 bytes, and the draft says 16.
theirs_with ws-0.4 rfc6455 node "$peers/node_peers.js" visit ws "$port" 13
for row in 8:hybi-08 13:rfc6455; do
    theirs_with websocket-1.0 "${row#*:}" node "$peers/node_peers.js" visit websocket "$port" "${row%:*}"
done

echo "drafts: $passed pairs of implementations and versions understood each other"
