#!/usr/bin/env bash
# The client through real proxies, to ws and wss: tinyproxy (HTTP CONNECT) and microsocks (SOCKS5), with and without
# credentials, and squid, with Digest credentials (MD5) and over TLS. Then to servers with Digest credentials: Apache (MD5) and
# one in Python (SHA-256). Needs these, which it installs where there is apt-get, and the openssl command. Takes seconds once
# the examples are built. The last line says how many cases held.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
for program in tinyproxy microsocks; do
    command -v "$program" >/dev/null || missing+=("$program")
done
# The squid without OpenSSL speaks no TLS to its clients.
export PATH=$PATH:/usr/sbin
squid --version 2>/dev/null | grep -q -- --with-openssl || missing+=(squid-openssl)
command -v apache2 >/dev/null || missing+=(apache2)
if ((${#missing[@]} > 0)); then
    command -v apt-get >/dev/null || {
        echo "proxies: ${missing[*]} missing, and there is no apt-get to install it" >&2
        exit 1
    }
    apt-get update -qq && apt-get install -y -qq "${missing[@]}"
fi

cargo build --quiet --features native-tls,legacy --example client --example echo_server
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
read -r http http_auth socks socks_auth squid squid_tls apache closed < <(python3 - <<'PYTHON'
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
print(*(s.getsockname()[1] for s in held))
PYTHON
)

wait_for() {
    for _ in $(seq 600); do
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
    for _ in $(seq 600); do
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

# Squid leaves the account of root, so its folder is another's.
mkdir "$scratch/squid"
squid_lib=$(dirname "$(find /usr/lib/squid /usr/libexec/squid -name digest_file_auth 2>/dev/null | head -1 || true)")
printf 'Aladdin:open sesame\n' >"$scratch/squid/passwords"
cp "$scratch/right.pem" "$scratch/right.key" "$scratch/squid"
cat >"$scratch/squid/squid.conf" <<CONF
http_port 127.0.0.1:$squid
https_port 127.0.0.1:$squid_tls tls-cert=$scratch/squid/right.pem tls-key=$scratch/squid/right.key
auth_param digest program $squid_lib/digest_file_auth $scratch/squid/passwords
auth_param digest children 1
auth_param digest realm the proxy
acl known proxy_auth REQUIRED
acl stations browser ^stdws-client
http_access deny !stations
http_access allow known
http_access deny all
cache deny all
access_log none
cache_log $scratch/squid/cache.log
pid_filename $scratch/squid/squid.pid
coredump_dir $scratch/squid
shutdown_lifetime 0 seconds
CONF
chmod 755 "$scratch"
chmod -R a+rX "$scratch/squid"
chmod 777 "$scratch/squid"
squid -N -f "$scratch/squid/squid.conf" >"$scratch/squid.log" 2>&1 &
running+=($!)
for each in "$http" "$http_auth" "$socks" "$socks_auth" "$squid" "$squid_tls"; do wait_for "$each"; done

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

# Digest credentials, and TLS to the proxy: squid hashes with MD5, as RFC 2617 did.
for proxy in "http://127.0.0.1:$squid" "https://localhost:$squid_tls"; do
    for target in "$url" "$tls"; do
        at "digest, $proxy, $target" "$said" "$target" --proxy "$proxy" --proxy-digest "Aladdin:open sesame"
    done
    at "digest with a wrong password, $proxy" "status 407; it requires Digest" "$url" --proxy "$proxy" --proxy-digest "Aladdin:sesame"
    at "digest without credentials, $proxy" "status 407; it requires Digest" "$url" --proxy "$proxy"
done
at "digest, where basic is sent" "status 407; it requires Digest" "$url" --proxy "http://Aladdin:open%20sesame@127.0.0.1:$squid"
at "an https proxy, where TLS is not spoken" "TLS" "$url" --proxy "https://127.0.0.1:$http"

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
for target in "$url" "$tls"; do
    timeout 60 "$bin/client" "$target" --proxy "https://localhost:$squid_tls" --proxy-digest "Aladdin:open sesame" \
        --ca "$scratch/authority.pem" <"$scratch/long" >"$scratch/back" 2>/dev/null
    cmp "$scratch/long" "$scratch/back"
    echo "proxies: 700 kB there and back, TLS to squid, $target: ok"
    held=$((held + 1))
done

# A server that wants Digest credentials: Apache in front of the echo server.
apache_modules=$(find /usr/lib/apache2/modules /usr/libexec/apache2 /usr/lib/httpd/modules -name mod_auth_digest.so 2>/dev/null | head -1 || true)
apache_modules=$(dirname "$apache_modules")
printf 'Aladdin:the feed:%s\n' "$(printf 'Aladdin:the feed:open sesame' | md5sum | cut -d' ' -f1)" >"$scratch/squid/digest"
chmod a+r "$scratch/squid/digest"
{
    for module in mpm_event authn_core authn_file authz_core authz_user auth_digest proxy proxy_http proxy_wstunnel; do
        echo "LoadModule ${module}_module $apache_modules/mod_$module.so"
    done
    cat <<CONF
ServerRoot $scratch
ServerName localhost
Listen 127.0.0.1:$apache
PidFile $scratch/squid/apache.pid
ErrorLog $scratch/apache.log
User nobody
Group nogroup
<Location />
    AuthType Digest
    AuthName "the feed"
    AuthDigestProvider file
    AuthUserFile $scratch/squid/digest
    Require valid-user
    ProxyPass http://127.0.0.1:$port/ upgrade=websocket
</Location>
CONF
} >"$scratch/apache.conf"
apache2 -X -f "$scratch/apache.conf" &
running+=($!)
wait_for "$apache"
at "digest of Apache" "$said" "ws://127.0.0.1:$apache/feed?room=7" --digest "Aladdin:open sesame"
at "digest of Apache, a wrong password" "responded with status 401" "ws://127.0.0.1:$apache/" --digest "Aladdin:sesame"
at "digest of Apache, basic" "responded with status 401" "ws://Aladdin:open%20sesame@127.0.0.1:$apache/"

# And one that hashes with SHA-256 or -sess, says stale once, and compares with hashlib.
python3 - "$port" <<'PYTHON' >"$scratch/sha256" &
import hashlib, re, socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
h = lambda text: hashlib.sha256(text.encode()).hexdigest()
seen = 0

def pipe(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for end in a, b:
        try: end.shutdown(socket.SHUT_RDWR)
        except OSError: pass

def right(head, line):
    method, uri, _ = line.split(" ")
    got = re.search(r"Authorization: Digest (.*)\r\n", head)
    if not got:
        return False
    p = {k: v.strip('"') for k, v in re.findall(r'([a-z*]+)=("[^"]*"|[^,\s]+)', got[1])}
    a1 = h(f"{p['username']}:the feed:open sesame")
    if p["algorithm"].endswith("-sess"):
        a1 = h(f"{a1}:{p['nonce']}:{p['cnonce']}")
    want = h(f"{a1}:{p['nonce']}:{p['nc']}:{p['cnonce']}:auth:{h(method + ':' + p['uri'])}")
    return p["uri"] == uri and p["response"] == want and p["nc"] == "00000001" and p["nonce"] == f"nonce-{seen}"

while True:
    stream = server.accept()[0]
    head = ""
    while not head.endswith("\r\n\r\n"):
        head += stream.recv(1).decode()
    line = head.split("\r\n")[0]
    ok = right(head, line)
    if ok and seen % 2 == 0:
        back = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        back.sendall(head.encode())
        threading.Thread(target=pipe, args=(stream, back), daemon=True).start()
        threading.Thread(target=pipe, args=(back, stream), daemon=True).start()
    else:
        seen += 1
        algorithm = "SHA-256-sess" if "sess" in line else "SHA-256"
        stream.sendall((f"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"the feed\"\r\nWWW-Authenticate: Digest realm=\"the feed\", "
            f"nonce=\"nonce-{seen}\", algorithm={algorithm}, qop=\"auth,auth-int\", stale={'true' if ok else 'false'}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n").encode())
        stream.close()
PYTHON
running+=($!)
for _ in $(seq 600); do
    [[ -s $scratch/sha256 ]] && break
    sleep 0.1
done
sha256=ws://127.0.0.1:$(cat "$scratch/sha256")
for path in plain sess; do
    at "digest with SHA-256, $path" "$said" "$sha256/$path" --digest "Aladdin:open sesame"
done
at "digest with SHA-256, a wrong password" "responded with status 401" "$sha256/" --digest "Aladdin:sesame"

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
for _ in $(seq 600); do
    [[ -s $scratch/redirects ]] && break
    sleep 0.1
done
redirecting=ws://127.0.0.1:$(cat "$scratch/redirects")/
at "a redirect that is followed" "$said" "$redirecting" --redirects 1 --proxy "socks5://127.0.0.1:$socks"
at "a redirect that is not" "the server responded with status 308 instead of 101" "$redirecting" --proxy "socks5://127.0.0.1:$socks"

echo "proxies: $held cases"
