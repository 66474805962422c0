#!/usr/bin/env bash
# Captures of `ws inspect` and `ws record` in the eyes of tshark: it has to name the opcodes, lengths and payloads that the tool
# names, for texts, binary messages, fragments, Pings and Pongs, compressed messages and Closes, and to find no malformed packet,
# no wrong checksum and no segment out of order. And the other way: the tool reads what tshark has written in its own words.
# Installs tshark where there is apt-get. Takes seconds once the examples are built. The last line says how many cases held.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    echo "tshark: $*" >&2
    exit 1
}
if ! command -v tshark >/dev/null || ! command -v editcap >/dev/null; then
    command -v apt-get >/dev/null || fail "tshark is missing, and there is no apt-get to install it"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq tshark
fi
cargo build --quiet --locked --example ws
ws=${CARGO_TARGET_DIR:-target}/debug/examples/ws
scratch=$(mktemp -d)
running=()
cleanup() {
    for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap cleanup EXIT

# Starts a command that listens, in a name: start NAME COMMAND...; its URL is in $url, and its input ends with a line in $scratch/NAME.in.
start() {
    local name=$1
    shift
    mkfifo "$scratch/$name.in"
    "$ws" "$@" --addr 127.0.0.1:0 --until-stdin-ends <"$scratch/$name.in" >"$scratch/$name.out" 2>"$scratch/$name.err" &
    running+=("$!")
    exec {input}>"$scratch/$name.in"
    for _ in $(seq 600); do
        url=$(sed -n 's/^listening on //p;s/.*"event":"listening","url":"\([^"]*\)".*/\1/p;q' "$scratch/$name.out")
        [[ -z $url ]] || return 0
        kill -0 "$!" 2>/dev/null || break
        sleep 0.1
    done
    fail "$name does not listen: $(<"$scratch/$name.err")"
}

start echo echo --deflate --deflate-threshold 100
server=$url
start inspect inspect --json --pcapng "$scratch/session.pcapng" "$server"
inspected=$url inspect_pid=$! inspect_input=$input
start fragments inspect --json --fragment 100 --pcapng "$scratch/fragments.pcapng" "$server"
fragments=$url fragments_pid=$! fragments_input=$input
start record record --output "$scratch/record.pcapng" "$server"
recorded=$url record_pid=$! record_input=$input

# Texts of all sizes of a length, a binary message, compressed messages over several segments, a Close with a reason.
python3 - >"$scratch/lines" <<'PYTHON'
print("Hello")
print("\u00e9\u20ac\U0001f600")
print("x" * 125)
print("y" * 126)
print("z" * 70000)
PYTHON
for to in "$inspected" "$fragments" "$recorded"; do
    "$ws" cat --exit-after 5 "$to" <"$scratch/lines" >/dev/null
    # tshark does not decompress a message of several frames, and calls it text that is wrong.
    [[ $to == "$fragments" ]] || "$ws" cat --exit-after 5 --deflate "$to" <"$scratch/lines" >/dev/null
    "$ws" cat --hex --exit-after 1 "$to" <<<'00 01 fe ff' >/dev/null
    "$ws" cat --exit-after 1 --close 4001 'all is said' "$to" <<<'bye' >/dev/null
done
# Check sends a Ping.
for to in "$inspected" "$fragments"; do
    "$ws" check "$to" >/dev/null
done
# The end of the input ends the tools, whose files are whole then.
for input in "$inspect_input" "$fragments_input" "$record_input"; do exec {input}>&-; done
for pid in "$inspect_pid" "$fragments_pid" "$record_pid"; do
    wait "$pid" || fail "a tool failed: $(cat "$scratch"/*.err)"
done

# What the tool says of a capture: one line a frame, in the order of the bytes of a direction.
cat >"$scratch/compare.py" <<'PYTHON'
import collections, itertools, json, subprocess, sys

ws, capture = sys.argv[1:]
# The number of payload bytes that the tool shows.
SHOWN = 16 << 10

def lines(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()

def tshark(*arguments):
    return lines("tshark", "-n", "-r", capture, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", *arguments)

problems = tshark("-Y", "_ws.malformed || _ws.expert.severity >= 0x600000 || tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0",
                  "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message")
assert not problems, f"tshark finds fault: {problems[:5]}"

# One connection after the other, and of each direction one frame after the other.
ours = collections.defaultdict(list)
ports = {}
for line in lines(ws, "explain", "--json", capture):
    event = json.loads(line)
    if event["event"] == "opened":
        ports[event["connection"]] = event["client"].rsplit(":", 1)[1]
    if event["event"] == "frame":
        # Of payloads over 16 KiB the tool shows the begin.
        payload = event["payload"] if event["length"] <= SHOWN else None
        key = (ports[event["connection"]], event["from"])
        header = event["opcode"], event["fin"], event["rsv"], event.get("key", ""), event["length"]
        ours[key].append((*header, payload, event.get("inflated") if event.get("inflated_length", 0) <= SHOWN else None))

theirs = collections.defaultdict(list)
# Several frames in a packet are several layers.
packets = json.loads("\n".join(tshark("-Y", "websocket", "-T", "json", "-x", "--no-duplicate-keys")))
for packet in packets:
    layers = packet["_source"]["layers"]
    tcp, frames = layers["tcp"], layers["websocket"]
    from_client = tcp["tcp.dstport"] == "80"
    key = (tcp["tcp.srcport"] if from_client else tcp["tcp.dstport"], "client" if from_client else "server")
    for frame in frames if isinstance(frames, list) else [frames]:
        value = lambda name, default="": frame.get(f"websocket.{name}_raw", [default])[0]
        length = frame.get("websocket.payload_length_ext_64", frame.get("websocket.payload_length_ext_16", frame["websocket.payload_length"]))
        header = int(frame["websocket.opcode"]), value("fin") == "1", int(value("rsv")), value("masking_key"), int(length)
        # What it has decompressed, where it shows that.
        text = frame.get("websocket.payload", "")
        text = text.get("websocket.payload.text_raw", [None])[0] if isinstance(text, dict) and header[2] == 4 else None
        theirs[key].append((*header, value("payload") if header[4] <= SHOWN else None, text))

assert set(ours) == set(theirs), (sorted(ours), sorted(theirs))
count = inflated = 0
for key in ours:
    for mine, other in itertools.zip_longest(ours[key], theirs[key]):
        assert mine and other and mine[:6] == other[:6], f"{key}: a frame is {mine} for ws, and {other} for tshark"
        if mine[6] is not None and other[6] is not None:
            assert mine[6] == other[6], f"{key}: decompressed it is {mine[6]} for ws, and {other[6]} for tshark"
            inflated += 1
        count += 1
opcodes = {frame[0] for frames in ours.values() for frame in frames}
print(f"{count} frames, {inflated} of them decompressed by both, opcodes {' '.join(map(str, sorted(opcodes)))}")
PYTHON
held=0
compare() {
    local seen
    seen=$(python3 "$scratch/compare.py" "$ws" "$scratch/$1.pcapng") || fail "$1.pcapng"
    [[ $seen =~ $2 ]] || fail "$1.pcapng has only $seen"
    held=$((held + 1))
    echo "ok: $1.pcapng: $seen"
}
compare session 'opcodes 1 2 8 9 10$'
compare fragments 'opcodes 0 1 2 8 9 10$'
compare record 'opcodes 1 2 8$'

# Written again by Wireshark's own programs, also by way of the older format and with packets in another order.
"$ws" explain "$scratch/session.pcapng" >"$scratch/explained"
grep -q 'server -> client  Pong frame' "$scratch/explained" || fail "the explanation has no Pong"
same() {
    "$ws" explain "$scratch/again.pcapng" | diff -q - "$scratch/explained" >/dev/null || fail "$1: the explanation is another one"
    held=$((held + 1))
    echo "ok: $1"
}
quiet() { "$@" >/dev/null 2>"$scratch/quiet" || fail "$*: $(<"$scratch/quiet")"; }
quiet tshark -r "$scratch/session.pcapng" -F pcapng -w "$scratch/again.pcapng"
same "written by tshark"
quiet editcap -F pcap "$scratch/session.pcapng" "$scratch/old.pcap"
if "$ws" explain "$scratch/old.pcap" >/dev/null 2>"$scratch/refused"; then fail "a file of the older format was not refused"; fi
quiet $(sed -n 's/.*; \(editcap -F pcapng\) converts it$/\1/p' "$scratch/refused") "$scratch/old.pcap" "$scratch/again.pcapng"
same "converted by editcap, as the error says"
quiet mergecap -F pcapng -w "$scratch/again.pcapng" "$scratch/session.pcapng" "$scratch/session.pcapng"
"$ws" explain "$scratch/again.pcapng" >/dev/null || fail "every packet twice: the explanation fails"
held=$((held + 1))

# A frame that breaks a rule is one for both.
start corrupt inspect --json --corrupt rsv --from client --pcapng "$scratch/corrupt.pcapng" "$server"
corrupt_pid=$! corrupt_input=$input
"$ws" cat --once x "$url" >/dev/null 2>&1 || true
exec {corrupt_input}>&-
wait "$corrupt_pid" || fail "ws inspect --corrupt failed"
status=0
"$ws" explain "$scratch/corrupt.pcapng" >"$scratch/corrupt" || status=$?
[[ $status == 3 ]] && grep -q 'BROKEN RULE.*(6455-5.2-3)' "$scratch/corrupt" || fail "the broken rule is not named"
rsv=$(tshark -n -r "$scratch/corrupt.pcapng" -Y 'websocket.mask == 1 && websocket.opcode == 1' -T fields -e websocket.rsv 2>/dev/null)
[[ $rsv == 0x01 ]] || fail "tshark sees the reserved bits ${rsv:-nowhere}"
held=$((held + 1))

echo "tshark $(tshark --version 2>/dev/null | awk 'NR == 1 { print $3 }'): $held cases held, in $SECONDS s"
