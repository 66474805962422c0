#!/usr/bin/env bash
# TLS with real parts: OpenSSL's own s_client and s_server, and the Autobahn TestSuite over wss in both roles. Needs
# openssl, and what tests/autobahn/run needs. Takes about two minutes. The last line says how many cases held.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

fail() {
    echo "tls: $*" >&2
    tail -n 20 "$scratch"/*.log >&2 2>/dev/null || true
    exit 1
}
cargo build --quiet --features native-tls --example client --example echo_server --example own_tls --example autobahn_client
bin=$(cd "${CARGO_TARGET_DIR:-target}/debug/examples" && pwd)
scratch=$(mktemp -d)
running=()
stop() {
    for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
    running=()
}
trap 'stop; rm -rf "$scratch"' EXIT
bash tests/support/certificates.sh "$scratch" secret >/dev/null 2>"$scratch/openssl.log" || fail "openssl makes no certificates"
authority=$scratch/authority.pem

held=0
ok() {
    held=$((held + 1))
    echo "ok: $*"
}
# free_ports N: that many ports that are free now.
free_ports() {
    python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))' "$1"
}
wait_for() {
    for _ in $(seq 600); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.1
    done
    fail "nothing listens on port $1"
}
# echo_over IDENTITY: starts an echo server over TLS, and sets `port`.
echo_over() {
    "$bin/echo_server" --addr 127.0.0.1:0 --max-message 67108864 --tls "$scratch/$1.p12" --password secret >"$scratch/echo-$1.log" 2>&1 &
    running+=($!)
    port=
    for _ in $(seq 600); do
        port=$(sed -n 's#^listening on wss://127.0.0.1:##p' "$scratch/echo-$1.log")
        [[ -n $port ]] && return
        sleep 0.1
    done
    fail "the echo server does not say where it is"
}

# ── our server, OpenSSL's client ──
echo_over right
request=$'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
answer=$( (printf '%s' "$request" && sleep 1) | timeout 20 openssl s_client -quiet -verify_return_error -CAfile "$authority" \
    -verify_hostname localhost -connect "127.0.0.1:$port" 2>>"$scratch/s_client.log" | head -n 1 || true)
[[ $answer == "HTTP/1.1 101"* ]] || fail "s_client got: $answer"
ok "s_client opens a WebSocket at our server, and verifies it"
[[ $("$bin/own_tls" localhost "$port" "through a process" "$authority") == "through a process" ]] || fail "own_tls"
ok "a WebSocket of ours over s_client as the halves"
if timeout 20 openssl s_client -tls1_1 -cipher ALL:@SECLEVEL=0 -connect "127.0.0.1:$port" </dev/null >"$scratch/old.log" 2>&1; then
    fail "TLS 1.1 was accepted"
fi
ok "our server refuses TLS 1.1"
[[ $("$bin/client" "wss://localhost:$port/" --ca "$authority" --once "both ours") == "both ours" ]] || fail "client"
ok "our client at our server"

# ── our client, OpenSSL's server ──
# s_server speaks no WebSocket: what has to be seen is how far the handshake comes, and what is said when it does not.
# refused NAME TEXT OPTIONS...: an s_server with this certificate; our client must say this.
refused() {
    local name=$1 text=$2 server said
    shift 2
    read -r server < <(free_ports 1)
    openssl s_server -accept "127.0.0.1:$server" -cert "$scratch/$name.pem" -key "$scratch/$name.key" -www "$@" \
        >>"$scratch/s_server-$name.log" 2>&1 &
    running+=($!)
    wait_for "$server"
    said=$(timeout 40 "$bin/client" "wss://localhost:$server/" --ca "$authority" --once x --timeout 20 2>&1) && fail "$name: connected"
    [[ $said == *"$text"* ]] || fail "$name: expected '$text', and it said: $said"
    ok "s_server $name $*: $text"
}
# With the right one, TLS is there, and what answers is HTTP.
for version in -tls1_2 -tls1_3; do
    refused right "the opening handshake failed" "$version"
done
refused wrong_host "the certificate does not name localhost"
refused expired "the certificate of localhost has expired"
refused unknown_authority "was not issued by a trusted authority"
refused right "sent an alert" -tls1_2 -Verify 1 -verify_return_error -CAfile "$authority"
refused right "sent an alert" -tls1_3 -Verify 1 -verify_return_error -CAfile "$authority"

# What the engine has to say although nobody sends.
python3 tests/interop/answers.py "$bin/client" "$authority" "$scratch/right.pem" "$scratch/right.key" "$scratch" >"$scratch/answers.log" ||
    fail "answers of the engine"
while read -r line; do ok "$line"; done <"$scratch/answers.log"

# ── Autobahn ──
tests/autobahn/run --install
suite=$root/target/autobahn/wstest/bin/wstest
cases='["1.*", "2.*", "3.*", "4.*", "5.*", "7.*", "9.1.1", "9.1.2", "9.2.1", "9.2.2"]'
# judge ROLE: every case is passed strictly.
judge() {
    python3 - "$scratch/reports/$1/index.json" <<'PYTHON'
import json, sys
(results,) = json.load(open(sys.argv[1])).values()
bad = {case: r["behavior"] for case, r in results.items() if r["behavior"] not in ("OK", "INFORMATIONAL")
       or r["behaviorClose"] not in ("OK", "INFORMATIONAL")}
assert len(results) >= 100, f"only {len(results)} cases ran"
assert not bad, bad
print(len(results))
PYTHON
}
cat >"$scratch/client.json" <<JSON
{ "outdir": "$scratch/reports/server", "servers": [{ "agent": "stdws", "url": "wss://127.0.0.1:$port" }],
  "cases": $cases, "exclude-cases": [], "exclude-agent-cases": {} }
JSON
timeout 300 "$suite" -m fuzzingclient -s "$scratch/client.json" >"$scratch/suite.log" 2>&1 || fail "the suite against our server"
count=$(judge server) || fail "as server"
ok "Autobahn over wss, as server: $count cases"

read -r secure < <(free_ports 1)
cat >"$scratch/server.json" <<JSON
{ "outdir": "$scratch/reports/client", "url": "wss://127.0.0.1:$secure",
  "key": "$scratch/right.key", "cert": "$scratch/right.pem",
  "cases": $cases, "exclude-cases": [], "exclude-agent-cases": {} }
JSON
timeout 300 "$suite" -m fuzzingserver -u 0 -s "$scratch/server.json" >"$scratch/suite.log" 2>&1 &
running+=($!)
wait_for "$secure"
timeout 300 "$bin/autobahn_client" --ca "$authority" "wss://localhost:$secure" >"$scratch/autobahn.log" 2>&1 || fail "our client"
count=$(judge client) || fail "as client"
ok "Autobahn over wss, as client: $count cases"

echo "$held cases held"
