"""The tool `ws` against programs that are not ours. Each case starts what it needs, and ends it.

cases.py TOOL WEBSOCAT [CASE...]
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as open_client

import nginx
from rig import DEADLINE, HERE, Failed, Rig, accepts, equal, expect, free_port, tcp_server, until

COUNT = 20_000
LINES = b"".join(b"line %d\n" % n for n in range(COUNT))
BYTES = bytes(range(256)) * 20_000
# Without it, a second without a message is the end: too little for a peer on a machine that does much else.
LINGER = "--linger=5"
# Ends with the last answer.
ALL = ["--linger=1000", f"--exit-after={COUNT}"]
CASES = []


def case(function):
    CASES.append(function)
    return function


def client(url, close_timeout=DEADLINE, **more):
    timeouts = {"open_timeout": DEADLINE, "close_timeout": close_timeout}
    return open_client(url, proxy=None, max_size=None, **timeouts, **more)


def status_of(url, **more):
    """The status with which a client of Python is rejected."""
    try:
        client(url, **more).close()
    except InvalidStatus as rejection:
        return rejection.response.status_code
    return 101


def curl_status(url):
    """The same with curl."""
    headers = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    headers.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    call = ["curl", "-s", "-w", "%{http_code}", "-o", os.devnull, *(word for h in headers for word in ("-H", h))]
    done = subprocess.run([*call, url.replace("ws:", "http:")], capture_output=True, timeout=DEADLINE, check=True)
    return done.stdout.decode()


# ── cat ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@case
def cat_loses_no_echo_of_python_at_the_end_of_its_input(rig):
    _, url = rig.python()
    code, output, error = rig.run("cat", LINGER, url, data=LINES)
    equal((code, output.count(b"\n"), error), (0, COUNT, ""))
    expect(output == LINES, "the lines differ")


@case
def cat_waits_for_a_slow_reader(rig):
    _, url = rig.python()
    line = b"x" * 500 + b"\n"
    tool = rig.ws("cat", LINGER, url, quiet=True)
    threading.Thread(target=lambda: (tool.write(line * COUNT), tool.end_input()), daemon=True).start()
    # Longer than --linger, while the pipe is full.
    time.sleep(6)
    expect(tool.popen.stdout.read() == line * COUNT, "lines are lost")
    equal(tool.wait(), 0)


@case
def cat_compresses_with_npm_ws(rig):
    peer, url = rig.node("deflate")
    lines = LINES[:10_000] + b"\n" + b"compressible " * 100_000 + b"\n"
    code, output, error = rig.run("cat", LINGER, "--deflate", "--subprotocol=v2", "--json", url, data=lines)
    equal((code, error), (0, ""))
    events = [json.loads(line) for line in output.splitlines()]
    received = [event["data"] for event in events if event.get("direction") == "received"]
    expect("".join(text + "\n" for text in received).encode() == lines, "the texts differ")
    equal(events[0]["subprotocol"], "v2")
    equal(peer.line().split(b";")[0], b"open permessage-deflate")
    equal(peer.line(), b"close 1000 ")


@case
def cat_passes_bytes_through_python(rig):
    _, url = rig.python("deflate")
    code, output, error = rig.run("cat", LINGER, "--binary", "--deflate", url, data=BYTES)
    equal((code, len(output), error), (0, len(BYTES), ""))
    expect(output == BYTES, "the bytes differ")


@case
def cat_talks_to_websocat(rig):
    port = free_port()
    rig.start(rig.websocat, "-t", f"ws-l:127.0.0.1:{port}", "mirror:")
    until(lambda: accepts(port), "websocat listens")
    code, output, error = rig.run("cat", *ALL, f"ws://127.0.0.1:{port}/", data=LINES)
    equal((code, output == LINES, error), (0, True, ""))


@case
def cat_sends_credentials_and_a_close(rig):
    peer, url = rig.python("basic=ali:open sesame")
    right, wrong = ({**os.environ, "WS_PASSWORD": password} for password in ("open sesame", "open"))
    args = ["cat", "--user=ali", "--once=hello", "--close", "4001", "bye", url]
    equal(rig.run(*args, env=right), (0, b"hello\n", ""))
    equal([peer.line(), peer.line()], [b"open none", b"close 4001 bye"])
    code, output, error = rig.run(*args, env=wrong)
    expect((code, output) == (1, b"") and " 401 " in error and error.count("\n") == 1, code, error)


@case
def cat_notices_a_peer_that_stopped(rig):
    peer, url = rig.python()
    tool = rig.ws("cat", "--ping=0.5", url)
    equal(peer.line(), b"open none")
    peer.stop_answering()
    equal((tool.wait(), len(tool.errors)), (1, 1), tool.error())


@case
def cat_ends_with_its_reader_or_a_full_disk(rig):
    _, url = rig.python()
    tool = rig.ws("cat", url, quiet=True)
    tool.write(LINES[:10_000])
    expect(tool.popen.stdout.readline() == b"line 0\n", "no line")
    tool.popen.stdout.close()
    tool.write(LINES)
    equal((tool.wait(), tool.error()), (0, ""))
    with open("/dev/full", "wb") as full:
        tool = rig.ws("cat", url, stdout=full)
        tool.write(LINES[:1000])
        code = tool.wait()
    expect(code == 1 and "could not be written" in tool.error() and len(tool.errors) == 1, code, tool.error())


# ── echo, serve, chat ───────────────────────────────────────────────────────────────────────────────────────────────


def through_websocat(rig, url, *flags):
    """Sends all lines, and reads as many before it ends the input: websocat does not wait for answers."""
    peer = rig.start(rig.websocat, "-t", *flags, url)
    threading.Thread(target=peer.write, args=[LINES], daemon=True).start()
    lines = [peer.line() for _ in range(COUNT)]
    peer.end_input()
    equal(peer.wait(), 0, peer.error())
    expect(lines == LINES.splitlines(), "the lines differ")


@case
def echo_answers_websocat(rig):
    _, url = rig.listen("echo", "--user=ali", env={**os.environ, "WS_PASSWORD": "open sesame"})
    through_websocat(rig, url, "--basic-auth=ali:open sesame")
    equal(status_of(url), 401)


@case
def echo_answers_python(rig):
    tool, url = rig.listen("echo", "--deflate", "--max-message=1000000", "--until-stdin-ends", "--metrics")
    with client(url) as ws:
        expect("permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"], ws.response)
        for message in ["", "Grüße ☃", "y" * 100_000, b"", BYTES[:100_000], ["in ", "three ", "parts"]]:
            ws.send(message)
            equal(ws.recv(DEADLINE), "".join(message) if isinstance(message, list) else message)
        page = subprocess.run(
            ["curl", "-sf", url.replace("ws:", "http:") + "/metrics"], capture_output=True, check=True
        ).stdout
        expect(b"websocket_connections 1\n" in page, page)
        with contextlib.suppress(ConnectionClosed):
            ws.send("y" * 1_000_001)
            ws.recv(DEADLINE)
    equal(ws.close_code, 1009)
    with client(url) as ws:
        tool.end_input()
        with contextlib.suppress(ConnectionClosed):
            ws.recv(DEADLINE)
    equal((ws.close_code, tool.wait(), tool.error()), (1001, 0, ""))


@case
def echo_answers_npm_ws(rig):
    _, url = rig.listen("echo", "--deflate")
    for flags, extension in [((), "none"), (("deflate",), "permessage-deflate")]:
        peer = rig.start("node", os.path.join(HERE, "peer.js"), "client", url, *flags)
        lines = peer.rest()
        equal(lines[0].split(b";")[0].split(b",")[:2], [b"16 of 16", f" {extension}".encode()])
        equal(peer.wait(), 0, lines)


@case
def echo_drops_a_peer_that_stopped(rig):
    tool, url = rig.listen("echo", "--ping=2", "-v")
    peer = rig.start(rig.websocat, "-t", url)
    peer.write(b"hello\n")
    equal(peer.line(), b"hello")
    peer.stop_answering()
    until(lambda: "timed out" in tool.error(), f"the end of the connection: {tool.error()}")


@case
def serve_answers_curl_and_websocat(rig):
    folder = tempfile.mkdtemp(dir=rig.folder)
    with open(os.path.join(folder, "index.html"), "wb") as file:
        file.write(b"<p>hello")
    with open(os.path.join(folder, "large.bin"), "wb") as file:
        file.write(BYTES)
    os.symlink("/etc/passwd", os.path.join(folder, "escape"))
    _, url = rig.listen("serve", folder, "--broadcast")

    def curl(path, *flags):
        form = "\\n%{http_code} %{content_type}"
        call = ["curl", "-s", "--path-as-is", "-w", form, *flags, url + path]
        return subprocess.run(call, capture_output=True, timeout=DEADLINE, check=True).stdout.rsplit(b"\n", 1)

    equal(curl("/"), [b"<p>hello", b"200 text/html; charset=utf-8"])
    expect(curl("/large.bin") == [BYTES, b"200 application/octet-stream"], "the file differs")
    for path in ["/escape", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/nothing"]:
        equal(curl(path)[1].split(b" ")[0], b"404", path)
    equal(curl("/", "-X", "POST")[1].split(b" ")[0], b"405")
    # What one sends, the other gets.
    socket = url.replace("http:", "ws:") + "/ws"
    with client(socket) as one:
        two = rig.start(rig.websocat, "-t", socket)
        two.write(b"from websocat\n")
        # Its messages keep the line feed.
        equal(one.recv(DEADLINE), "from websocat\n")
        one.send("from python")
        equal(two.line(), b"from python")
    equal(status_of(url.replace("http:", "ws:") + "/elsewhere"), 404)


@case
def chat_has_a_page_and_rooms(rig):
    _, url = rig.listen("chat")
    page = subprocess.run(["curl", "-sfi", url], capture_output=True, timeout=DEADLINE, check=True).stdout
    expect(b"Content-Security-Policy" in page and b"chat.js" in page, page)
    socket = url.replace("http:", "ws:") + "/chat"
    with client(socket) as ann:
        ann.send("join lobby ann")
        equal([ann.recv(DEADLINE), ann.recv(DEADLINE)], ["joined lobby ann", "came ann"])
        ben = rig.ws("cat", socket)
        ben.write(b"join lobby ben\nsay hello\n")
        equal(ann.recv(DEADLINE), "came ben")
        said = ann.recv(DEADLINE).split(" ")
        equal((said[0], said[2], said[4:]), ("said", "ben", ["hello"]))


# ── run ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@case
def run_passes_lines_of_websocat_through_a_program(rig):
    _, url = rig.listen("run", "--", "cat")
    through_websocat(rig, url)


@case
def run_tells_the_program_who_asks_and_the_client_how_it_ended(rig):
    script = 'echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING $REMOTE_ADDR $HTTP_X_NAME"; echo oops >&2; exit 3'
    tool, url = rig.listen("run", "--until-stdin-ends", "--", "sh", "-c", script)
    with client(url + "/feed?a=1", additional_headers={"X-Name": "ali"}) as ws:
        equal(ws.recv(DEADLINE), "GET /feed a=1 127.0.0.1 ali")
        with contextlib.suppress(ConnectionClosed):
            ws.recv(DEADLINE)
    equal(ws.close_code, 1011)
    tool.end_input()
    equal(tool.wait(), 0)
    expect("oops" in tool.error(), tool.error())


@case
def run_shares_one_program(rig):
    tool, url = rig.listen("run", "--shared", "--", "sed", "-u", "s/^/all: /")
    with client(url) as one, client(url) as two:
        three = rig.start(rig.websocat, "-t", url)
        three.write(b"hello\n")
        equal([one.recv(DEADLINE), two.recv(DEADLINE), three.line()], ["all: hello"] * 2 + [b"all: hello"])
    equal(len(tool.children()), 1)


@case
def run_ends_the_programs_of_clients_that_have_gone(rig):
    # The first ends with its input, the second does not.
    for grace, program in [("1000", ["cat"]), ("0.2", ["sleep", "1000"])]:
        tool, url = rig.listen("run", "--max=1", f"--grace={grace}", "--ping=2", "--", *program)
        with client(url):
            until(lambda: len(tool.children()) == 1, "the program runs")
            # The answer can come before the request, which Python reports as a lost connection.
            equal(curl_status(url), "503")
        until(lambda: not tool.children(), "the program has ended")
        # The place of the first client may become free after its program has ended, and a client is refused until then.
        peers = []

        def runs_again():
            if not peers or peers[-1].popen.poll() is not None:
                peers.append(rig.start(rig.websocat, "-t", url))
            return len(tool.children()) == 1

        until(runs_again, "the program runs again")
        peers[-1].stop_answering()
        until(lambda: not tool.children(), "the program of a dead peer has ended")


@case
def run_waits_for_a_slow_reader(rig):
    tool, url = rig.listen("run", "--", "yes")
    # Python does not read on while it closes, so that takes the whole time.
    with client(url, ping_interval=None, close_timeout=1) as ws:
        time.sleep(2)
        expect(tool.resident() < 64 << 20, f"{tool.resident()} bytes in memory")
        for _ in range(10_000):
            equal(ws.recv(DEADLINE), "y")


# ── bridge ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def send_back(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def receive_bytes(ws, count):
    data = b""
    parts = []
    while count > 0:
        data = ws.recv(DEADLINE)
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


@case
def bridge_connects_python_to_tcp_targets_by_name(rig):
    with tcp_server(send_back) as port:
        _, url = rig.listen("bridge", f"--to=back=127.0.0.1:{port}", f"--to=down=127.0.0.1:{free_port()}")
        with client(url + "/back", subprotocols=["binary"]) as ws:
            threading.Thread(target=ws.send, args=[BYTES], daemon=True).start()
            expect(receive_bytes(ws, len(BYTES)) == BYTES, "the bytes differ")
        for path, status in [("/back", 101), ("/?token=back", 101), ("/nothing", 404), ("/down", 502)]:
            equal(status_of(url + path), status, path)
        equal(status_of(f"{url}/127.0.0.1:{port}"), 404)


@case
def bridge_keeps_half_closed_connections_of_netcat(rig):
    def answer_at_the_end(connection):
        parts = []
        while data := connection.recv(65536):
            parts.append(data)
        connection.sendall(hashlib.sha256(b"".join(parts)).hexdigest().encode())

    with tcp_server(answer_at_the_end) as port:
        _, url = rig.listen("bridge", f"--to=127.0.0.1:{port}")
        _, front = rig.listen("bridge", url)
        call = ["nc.openbsd", "-N", "127.0.0.1", front.rsplit(":", 1)[1]]
        answer = subprocess.run(call, input=BYTES, capture_output=True, timeout=DEADLINE, check=True).stdout
    equal(answer.decode(), hashlib.sha256(BYTES).hexdigest())


@case
def bridge_and_websocat_are_the_ends_of_a_tunnel(rig):
    with tcp_server(send_back) as target:
        # websocat listens for TCP, the tool connects to the target.
        _, url = rig.listen("bridge", f"--to=127.0.0.1:{target}")
        port = free_port()
        rig.start(rig.websocat, "-b", f"tcp-l:127.0.0.1:{port}", url)
        # The other way: the tool listens for TCP, websocat connects to the target.
        behind = free_port()
        rig.start(rig.websocat, "-b", f"ws-l:127.0.0.1:{behind}", f"tcp:127.0.0.1:{target}")
        until(lambda: accepts(behind), "websocat listens")
        _, front = rig.listen("bridge", f"ws://127.0.0.1:{behind}/")
        until(lambda: accepts(port), "websocat listens")
        for end in [port, int(front.rsplit(":", 1)[1])]:
            call = ["nc.openbsd", "-w", "60", "127.0.0.1", str(end)]
            tunnel = rig.start(*call)
            tunnel.write(LINES[:50_000])
            lines = [tunnel.line() for _ in range(LINES[:50_000].count(b"\n"))]
            expect(lines == LINES[:50_000].splitlines()[: len(lines)], "the lines differ")


@case
def bridge_waits_for_a_slow_receiver(rig):
    begin, received = threading.Event(), []

    def slow(connection):
        begin.wait(DEADLINE)
        total = hashlib.sha256()
        while data := connection.recv(65536):
            total.update(data)
        received.append(total.hexdigest())

    with tcp_server(slow) as port:
        tool, url = rig.listen("bridge", f"--to=127.0.0.1:{port}")
        expected = hashlib.sha256()
        with client(url, ping_interval=None) as ws:

            def send():
                for _ in range(20):
                    expected.update(BYTES)
                    ws.send(BYTES)

            sending = threading.Thread(target=send, daemon=True)
            sending.start()
            time.sleep(2)
            expect(sending.is_alive(), "100 MB are somewhere, and nobody reads")
            # One message of 5 MB, and what frames it.
            expect(tool.resident() < 64 << 20, f"{tool.resident()} bytes in memory")
            begin.set()
            sending.join(DEADLINE)
            expect(not sending.is_alive(), "the bytes do not pass")
        until(lambda: received, "the end of the TCP side")
    equal(received, [expected.hexdigest()])


# ── record, replay ──────────────────────────────────────────────────────────────────────────────────────────────────


@case
def record_and_replay_a_session_with_python(rig):
    peer, url = rig.python("deflate")
    path = os.path.join(rig.folder, "session.jsonl")
    tool, front = rig.listen("record", url, "--output", path, "--until-stdin-ends")
    messages = ["one", "Grüße ☃", b"\x00\xff", "y" * 70_000]
    with client(front) as ws:
        for message in messages:
            ws.send(message)
            equal(ws.recv(DEADLINE), message)
    tool.end_input()
    equal((tool.wait(), tool.error()), (0, ""))
    with open(path, encoding="utf-8") as file:
        entries = [json.loads(line) for line in file]
    sent = [entry for entry in entries if entry["event"] == "message" and entry["direction"] == "sent"]
    equal([entry.get("data", entry.get("hex")) for entry in sent], ["one", "Grüße ☃", "00ff", "y" * 70_000])
    equal(len(entries), 9)
    # As a client: of the same server, and of one that answers otherwise.
    equal(rig.run("replay", path, url), (0, b"4 sent, 4 received, 0 different\n", ""))
    _, other = rig.python("upper")
    code, output, error = rig.run("replay", path, other, "--fast")
    expect(code == 3 and b" different" in output, code, output, error)
    # As a server.
    tool, url = rig.listen("replay", path, "--fast", "--until-stdin-ends")
    with client(url) as ws:
        for message in messages:
            ws.send(message)
            equal(ws.recv(DEADLINE), message)
    equal(tool.line(), b"4 sent, 4 received, 0 different")
    tool.end_input()
    equal(tool.wait(), 0)


@case
def record_ends_when_the_disk_is_full(rig):
    disk = os.path.join(rig.folder, "disk")
    os.mkdir(disk)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mount.returncode != 0:
        return f"no small disk can be mounted here: {mount.stderr.decode().strip()}"
    try:
        _, url = rig.python()
        tool, front = rig.listen("record", url, "--output", os.path.join(disk, "session.jsonl"))
        with client(front) as ws, contextlib.suppress(ConnectionClosed):
            for _ in range(100):
                ws.send("y" * 10_000)
                ws.recv(DEADLINE)
            raise Failed("1 MB fits 64 KiB")
        equal((tool.wait(), len(tool.errors)), (1, 1), tool.error())
        expect("could not be written" in tool.error(), tool.error())
    finally:
        subprocess.run(["umount", disk], check=False)
    return None


# ── check ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def check(rig, code, url, *words, flags=()):
    """The exit code, and words of the last row."""
    found, output, error = rig.run("check", "--json", *flags, url)
    rows = [json.loads(line) for line in output.splitlines()]
    text = json.dumps(rows[-1], ensure_ascii=False)
    expect(found == code and error == "", f"exit code {found} instead of {code}: {error}{text}")
    for word in words:
        expect(word in text, f"{word!r} is not in {text}")
    return rows


@case
def check_finds_nothing_wrong_with_others(rig):
    _, python = rig.python("deflate")
    _, node = rig.node("deflate")
    port = free_port()
    rig.start(rig.websocat, "-t", f"ws-l:127.0.0.1:{port}", "mirror:")
    until(lambda: accepts(port), "websocat listens")
    for url, flags, extension in [
        (python, ["--deflate"], "permessage-deflate"),
        (node, ["--deflate", "--subprotocol=v2"], "permessage-deflate"),
        (node, ["--subprotocol=v3"], "none offered"),
        (f"ws://127.0.0.1:{port}/", ["--deflate"], "does not compress"),
    ]:
        rows = {row["check"]: row for row in check(rig, 0, url, "close", flags=flags)}
        expect(extension in rows["extensions"]["detail"], rows)
        if "--subprotocol=v2" in flags:
            equal(rows["subprotocol"]["detail"], "v2")


@case
def check_finds_the_rules_of_python(rig):
    _, url = rig.python("origin=" + "https://app.example")
    check(rig, 7, url, "403", "Origin")
    check(rig, 0, url, flags=["--origin=https://app.example"])
    _, url = rig.python("basic=ali:open sesame")
    check(rig, 7, url, "401", "--user NAME")


@case
def check_finds_a_peer_that_stopped_and_one_that_is_not_there(rig):
    peer, url = rig.python()
    peer.stop_answering()
    check(rig, 7, url, "timed out", flags=["--timeout=1"])
    check(rig, 4, f"ws://127.0.0.1:{free_port()}/", "nothing listens")


@case
def check_finds_what_nginx_does(rig):
    _, url = rig.python()
    _, other = rig.node()
    with nginx.running(rig, backends=[url, other]) as ports:
        for backend, *causes in [
            ("node", "426 instead of 101", "`Upgrade`, which was sent: a proxy dropped it (nginx: "),
            # It closes the connection of the proxy without an answer, because that has HTTP/1.0.
            ("python", "502 instead of 101", "or does not pass `Upgrade` on to it (nginx: "),
        ]:
            check(rig, 0, f"ws://127.0.0.1:{ports['passes ' + backend]}/", "close")
            check(rig, 7, f"ws://127.0.0.1:{ports['drops ' + backend]}/", *causes)
        check(rig, 7, f"ws://127.0.0.1:{ports['down']}/", "502", "a proxy cannot reach the server behind it")
        named = f"ws://127.0.0.1:{ports['named']}/"
        check(rig, 7, named, "a wrong Host", "--host-header")
        check(rig, 0, named, flags=["--host-header=app.example"])
        # Behind the one that passes, the other commands work too.
        code, output, error = rig.run("cat", *ALL, f"ws://127.0.0.1:{ports['passes python']}/", data=LINES)
        equal((code, output == LINES, error), (0, True, ""))


# ── bench ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@case
def bench_measures_others(rig):
    for _, url in [rig.python("deflate"), rig.node("deflate")]:
        for measure, more, count in [
            ("round-trips", ["--count=500", "--connections=2"], 500),
            ("throughput", ["--count=2000", "--size=1000", "--deflate"], 2000),
            ("handshakes", ["--count=50"], 50),
            ("connections", ["--connections=50", "--duration=0.1"], 50),
        ]:
            args = ["bench", "--measure", measure, "--duration=1000", "--json", *more, url]
            code, output, error = rig.run(*args)
            equal((code, error), (0, ""), measure)
            figures = json.loads(output)
            equal([figures[key] for key in ("count", "failed", "different")], [count, 0, 0], measure)
            expect(figures["rate"] > 0 and figures["opening"]["count"] > 0, figures)


@case
def bench_notices_a_server_that_does_not_echo_and_one_that_stopped(rig):
    _, url = rig.python("upper")
    figures = json.loads(rig.run("bench", "--text", "--count=10", "--duration=1000", "--json", url)[1])
    equal((figures["count"], figures["different"]), (10, 10))
    peer, url = rig.python()
    peer.stop_answering()
    code, _, error = rig.run("bench", "--timeout=1", "--duration=1000", url)
    expect(code == 1 and "timed out" in error and error.count("\n") == 1, code, error)


def main():
    tool, websocat, *wanted = sys.argv[1:]
    start, held, failed, skipped = time.monotonic(), 0, [], []
    for function in CASES:
        name = function.__name__.replace("_", " ")
        if wanted and not any(word in function.__name__ for word in wanted):
            continue
        folder = tempfile.mkdtemp()
        rig, begin = Rig(tool, websocat, folder), time.monotonic()
        try:
            reason = function(rig)
        except Exception as error:  # Whatever it is, the other cases follow.
            failed.append(name)
            print(f"tools: {name}: FAILED: {type(error).__name__}: {error}", flush=True)
        else:
            if reason:
                skipped.append(name)
            else:
                held += 1
            verdict = f"skipped: {reason}" if reason else "ok"
            print(f"tools: {name}: {verdict} ({time.monotonic() - begin:.1f} s)", flush=True)
        finally:
            rig.end()
            shutil.rmtree(folder, ignore_errors=True)
    took = time.monotonic() - start
    print(
        f"tools: {held} cases with websocat, websockets, npm ws, nginx, curl and netcat held, {len(skipped)} skipped, "
        f"{len(failed)} failed, in {took:.0f} s"
    )
    return 1 if failed else 0


sys.exit(main())
