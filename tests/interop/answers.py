"""What a TLS engine has to answer by itself: key updates (TLS 1.3) and renegotiation (TLS 1.2), asked for by OpenSSL's
s_server while a WebSocket client of ours is connected to it. Renegotiation has to be answered at once: in the first rounds
the client sends nothing, so its reader writes the answer; in the last one a message is sent at the same time. A key update
is answered before the next message (RFC 8446, 4.6.3).

usage: answers.py CLIENT AUTHORITY CERTIFICATE KEY SCRATCH      (prints a line for each case; fails at the first wrong one)
"""
import base64, hashlib, os, re, select, socket, subprocess, sys, time

client, authority, certificate, key, scratch = sys.argv[1:]
LIMIT = 20


def read_until(process, done, what):
    """Reads the output of a process until `done` finds something in it."""
    data, end = b"", time.monotonic() + LIMIT
    while not (found := done(data)):
        ready, _, _ = select.select([process.stdout], [], [], max(0, end - time.monotonic()))
        more = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
        if not more:
            raise SystemExit(f"answers: no {what} within {LIMIT} s; there is {data[-300:]!r}")
        data += more
    return found


def write(process, data):
    process.stdin.write(data)
    process.stdin.flush()


def masked(text):
    """Finds a frame of a client's with this text."""
    def done(data):
        for at in range(len(data) - 6 - len(text) + 1):
            if data[at] == 0x81 and data[at + 1] == 0x80 | len(text):
                mask, body = data[at + 2:at + 6], data[at + 6:at + 6 + len(text)]
                if bytes(byte ^ mask[i % 4] for i, byte in enumerate(body)) == text:
                    return True
        return False
    return done


def occur(log, pattern):
    with open(log, errors="replace") as file:
        return len(re.findall(pattern, file.read()))


def wait_for(log, pattern, count, what):
    end = time.monotonic() + LIMIT
    while occur(log, pattern) < count:
        if time.monotonic() > end:
            raise SystemExit(f"answers: {what}: {occur(log, pattern)} of {count} in {log}")
        time.sleep(0.02)


def case(version, command, question, answer, at_once):
    """`question`, `answer`: what the log of the server has once more for each that it sends, and that the client does."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    log = os.path.join(scratch, f"answers{version}.log")
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key", key, version, "-msg", "-msgfile", log],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ours = None
    try:
        read_until(server, lambda data: b"ACCEPT" in data, "listening s_server")
        ours = subprocess.Popen([client, f"wss://localhost:{port}/", "--ca", authority, "--timeout", str(LIMIT)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        sent = read_until(server, lambda data: re.search(rb"Sec-WebSocket-Key: *([^\r]+)\r\n.*?\r\n\r\n", data, re.S), "request")
        accept = base64.b64encode(hashlib.sha1(sent[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        write(server, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        write(ours, b"first\n")
        read_until(server, masked(b"first"), "first message")
        for round in range(5):
            answers, asked = occur(log, answer), occur(log, question)
            write(server, command)
            # It takes a command only at the beginning of what it reads, and forgets the rest.
            wait_for(log, question, asked + 1, f"{version}, question {round}")
            if round == 4:
                write(ours, b"meanwhile\n")
                read_until(server, masked(b"meanwhile"), "message beside an answer")
            if at_once:
                wait_for(log, answer, answers + 1, f"{version}, answer {round}")
            text = b"after %d" % round
            write(server, b"\x81" + bytes([len(text)]) + text)
            read_until(ours, lambda data: text in data, "message to the client")
            write(ours, text + b"\n")
            read_until(server, masked(text), "message of the client")
            wait_for(log, answer, answers + 1, f"{version}, answer {round} with a message")
        print(f"s_server {version}: five answers of the engine, and messages before, beside and after them")
    finally:
        for process in (ours, server):
            if process:
                process.kill()
                process.wait()


case("-tls1_2", b"r\n", r">>> .*HelloRequest", r"<<< .*ClientHello", at_once=True)
case("-tls1_3", b"K\n", r">>> .*KeyUpdate", r"<<< .*KeyUpdate", at_once=False)
