#!/usr/bin/env bash
# The client through real proxies, to ws and wss: tinyproxy (HTTP CONNECT) and microsocks (SOCKS5), with and without
# credentials. Needs these two, which it installs where there is apt-get, and the openssl command. Takes seconds once the
# examples are built. The last line says how many cases held.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
for program in tinyproxy microsocks; do
    command -v "$program" >/dev/null || missing+=("$program")
done
if ((${#missing[@]} > 0)); then
    command -v apt-get >/dev/null || {
        echo "proxies: ${missing[*]} missing, and there is no apt-get to install it" >&2
        exit 1
    }
    apt-get update -qq && apt-get install -y -qq "${missing[@]}"
fi

cargo build --quiet --features native-tls --example client --example echo_server
bin=${CARGO_TARGET_DIR:-target}/debug/examples
scratch=$(mktemp -d)
running=()
cleanup() {
    for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap cleanup EXIT
# Nothing of the caller's environment says which proxy to use.
unset ws_proxy wss_proxy http_proxy https_proxy all_proxy no_proxy WS_PROXY WSS_PROXY HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY

# Ports that are free now; all are held until all are known.
read -r http http_auth socks socks_auth closed < <(python3 - <<'PYTHON'
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
print(*(s.getsockname()[1] for s in held))
PYTHON
)

wait_for() {
    for _ in $(seq 100); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "proxies: nothing listens on port $1" >&2
    cat "$scratch"/*.log >&2
    exit 1
}

# An echo server with these settings. Sets `listening` to its port.
echo_on() {
    local log=$scratch/echo-$#.log
    "$bin/echo_server" --addr 127.0.0.1:0 "$@" >"$log" 2>&1 &
    running+=($!)
    for _ in $(seq 100); do
        listening=$(grep -oE '127\.0\.0\.1:[0-9]+' "$log" | head -1 | cut -d: -f2 || true)
        if [[ -n $listening ]]; then return; fi
        sleep 0.1
    done
    echo "proxies: the echo server does not say where it is:" >&2
    cat "$log" >&2
    exit 1
}
bash tests/support/certificates.sh "$scratch" "correct horse" >"$scratch/certificates.log" 2>&1
echo_on
port=$listening
echo_on --tls "$scratch/right.p12" --password "correct horse"
tls_port=$listening

tinyproxy_on() {
    cat >"$scratch/tinyproxy-$1.conf" <<CONF
Port $1
Listen 127.0.0.1
Timeout 60
Allow 127.0.0.1
ConnectPort $port
ConnectPort $tls_port
ConnectPort $closed
MaxClients 20
${2:-}
CONF
    tinyproxy -d -c "$scratch/tinyproxy-$1.conf" >"$scratch/tinyproxy-$1.log" 2>&1 &
    running+=($!)
}
tinyproxy_on "$http"
tinyproxy_on "$http_auth" "BasicAuth Aladdin opensesame"
microsocks -i 127.0.0.1 -p "$socks" >"$scratch/socks.log" 2>&1 &
running+=($!)
microsocks -i 127.0.0.1 -p "$socks_auth" -u Aladdin -P "open sesame" >"$scratch/socks_auth.log" 2>&1 &
running+=($!)
for each in "$http" "$http_auth" "$socks" "$socks_auth"; do wait_for "$each"; done

held=0
# name, what the output (both kinds) must have, and the command.
expect() {
    local name=$1 wanted=$2 output
    shift 2
    output=$(timeout 60 "$@" 2>&1 </dev/null || true)
    if ! grep -qF -- "$wanted" <<<"$output"; then
        echo "proxies: $name: wanted '$wanted', got:"$'\n'"$output" >&2
        cat "$scratch"/*.log >&2
        exit 1
    fi
    if grep -qiE 'sesame|QWxhZGRpbjpv' <<<"$output"; then
        echo "proxies: $name: the password is shown:"$'\n'"$output" >&2
        exit 1
    fi
    echo "proxies: $name: ok"
    held=$((held + 1))
}
say() { "$bin/client" --once "said through a proxy" --timeout 20 --ca "$scratch/authority.pem" "$@"; }
export -f say
export bin scratch
at() { expect "$1" "$2" bash -c 'say "$@"' say "${@:3}"; }

said="said through a proxy"
url=ws://127.0.0.1:$port/
named=ws://localhost:$port/

tls=wss://localhost:$tls_port/

for target in "$url" "$named" "$tls"; do
    at "http, $target" "$said" "$target" --proxy "http://127.0.0.1:$http"
    at "http with credentials, $target" "$said" "$target" --proxy "http://Aladdin:opensesame@127.0.0.1:$http_auth"
    at "socks5, $target" "$said" "$target" --proxy "socks5://127.0.0.1:$socks"
    at "socks5 with credentials, $target" "$said" "$target" --proxy "socks5h://Aladdin:open%20sesame@127.0.0.1:$socks_auth"
    at "socks5 that wants no credentials, $target" "$said" "$target" --proxy "socks5://Aladdin:sesame@127.0.0.1:$socks"
done

at "http, wss to an address" "$said" "wss://127.0.0.1:$tls_port/" --proxy "127.0.0.1:$http"
at "http, a server that does not speak TLS" "TLS" "wss://localhost:$port/" --proxy "127.0.0.1:$http"
at "socks5, a server that does not speak TLS" "TLS" "wss://localhost:$port/" --proxy "socks5://127.0.0.1:$socks"

at "http without the credentials it wants" "responded to CONNECT with status 407; it requires Basic" "$url" --proxy "127.0.0.1:$http_auth"
at "http with wrong credentials" "it responded to CONNECT with status 401" "$url" --proxy "http://Aladdin:sesame@127.0.0.1:$http_auth"
at "http, a port that is not allowed" "it responded to CONNECT with status 403" "ws://127.0.0.1:1/" --proxy "127.0.0.1:$http"
at "http, where nobody listens" "it responded to CONNECT with status 500" "ws://127.0.0.1:$closed/" --proxy "127.0.0.1:$http"
at "http, a name that is not" "it responded to CONNECT with status 500" "ws://no-such-host.invalid:$port/" --proxy "127.0.0.1:$http"
at "socks5 without the credentials it wants" "none of the authentication methods" "$url" --proxy "socks5://127.0.0.1:$socks_auth"
at "socks5 with wrong credentials" "rejected the user name and the password" "$url" --proxy "socks5://Aladdin:sesame@127.0.0.1:$socks_auth"
at "socks5, where nobody listens" "connection refused (SOCKS reply X'05')" "ws://127.0.0.1:$closed/" --proxy "socks5://127.0.0.1:$socks"
at "socks5, a name that is not" "(SOCKS reply X'" "ws://no-such-host.invalid/" --proxy "socks5://127.0.0.1:$socks"
at "socks5 asked of an http proxy" "timed out waiting for the proxy to connect" "$url" --proxy "socks5://127.0.0.1:$http" --timeout 3
at "http asked of a socks5 proxy" "did not connect" "$url" --proxy "http://127.0.0.1:$socks"
at "no proxy there" "no connection to the proxy 127.0.0.1:$closed" "$url" --proxy "http://127.0.0.1:$closed"

http_proxy=http://127.0.0.1:$closed all_proxy=socks5://127.0.0.1:$socks ws_proxy=http://127.0.0.1:$http \
    at "the environment" "$said" "$url" --proxy env
HTTPS_PROXY=http://127.0.0.1:$closed NO_PROXY=localhost,127.0.0.0/8 at "the environment, excepted" "$said" "$url" --proxy env
HTTP_PROXY=http://127.0.0.1:$closed REQUEST_METHOD=GET at "the environment of a CGI program" "$said" "$url" --proxy env
http_proxy=http://127.0.0.1:$closed at "the environment is not asked" "$said" "$url"

# A message of 700 kB and back, through each.
python3 -c 'print("".join(chr(33 + i * 7 % 90) for i in range(700_000)))' >"$scratch/long"
for proxy in "http://127.0.0.1:$http" "socks5://127.0.0.1:$socks"; do
    for target in "$url" "$tls"; do
        timeout 60 "$bin/client" "$target" --proxy "$proxy" --ca "$scratch/authority.pem" <"$scratch/long" >"$scratch/back" 2>/dev/null
        cmp "$scratch/long" "$scratch/back"
        echo "proxies: 700 kB there and back, $proxy, $target: ok"
        held=$((held + 1))
    done
done

# Along a redirect, from plain text to TLS.
python3 - "$tls" <<'PYTHON' >"$scratch/redirects" &
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    stream = server.accept()[0]
    stream.recv(65536)
    location = sys.argv[1].replace("wss:", "https:")
    stream.sendall(f"HTTP/1.1 308 Permanent Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    stream.close()
PYTHON
running+=($!)
for _ in $(seq 100); do
    [[ -s $scratch/redirects ]] && break
    sleep 0.1
done
redirecting=ws://127.0.0.1:$(cat "$scratch/redirects")/
at "a redirect that is followed" "$said" "$redirecting" --redirects 1 --proxy "socks5://127.0.0.1:$socks"
at "a redirect that is not" "the server responded with status 308 instead of 101" "$redirecting" --proxy "socks5://127.0.0.1:$socks"

echo "proxies: $held cases"
