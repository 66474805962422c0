#!/usr/bin/env bash
# Socket activation with the real part: systemd-socket-activate listens, and starts the example socket_activation when the
# first client connects. The last line says how many cases held.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --quiet --locked --example client --example socket_activation
bin=$(cd "${CARGO_TARGET_DIR:-target}/debug/examples" && pwd)
scratch=$(mktemp -d)
activator=
stop() {
    [[ -z $activator ]] || kill "$activator" 2>/dev/null || true
    [[ -z $activator ]] || wait "$activator" 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop EXIT
fail() {
    echo "activation: $*" >&2
    cat "$scratch"/*.log >&2
    exit 1
}
command -v systemd-socket-activate >/dev/null || fail "systemd-socket-activate is missing (Debian: systemd)"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# The activator becomes the shell, and that the server.
systemd-socket-activate --listen "127.0.0.1:$port" sh -c "exec '$bin/socket_activation' <&3" >"$scratch/server.log" 2>&1 &
activator=$!
for ((tries = 0; tries < 600; tries++)); do
    grep -q "Listening on" "$scratch/server.log" && break
    sleep 0.1
done
grep -q "listening on" "$scratch/server.log" && fail "the server runs before there is a client"

held=0
for text in first second; do
    answer=$(timeout 60 "$bin/client" --once "$text" "ws://127.0.0.1:$port" 2>"$scratch/client.log") || fail "$text: no answer"
    [[ $answer == *"$text"* ]] || fail "$text: $answer"
    held=$((held + 1))
done
grep -q "listening on 127.0.0.1:$port" "$scratch/server.log" || fail "the server does not know its address"
echo "socket activation: $held clients served on a socket of systemd-socket-activate"
