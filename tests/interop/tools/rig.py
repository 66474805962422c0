"""What the cases share: processes that end with their case, lines with a deadline, free ports."""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

DEADLINE = 60
HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    """A case that does not hold."""


def expect(holds, *words):
    if not holds:
        raise Failed(" ".join(str(word)[:600] for word in words))


def equal(found, expected, what=""):
    expect(found == expected, f"{what}: {found!r} instead of {expected!r}")


def until(holds, what):
    """Waits until this holds."""
    end = time.monotonic() + DEADLINE
    while not holds():
        expect(time.monotonic() < end, "waited in vain:", what)
        time.sleep(0.02)


class Process:
    """A program with pipes. Its lines are read as they come, unless `quiet` leaves its output alone."""

    def __init__(self, command, stdout=subprocess.PIPE, quiet=False, **more):
        self.command = command
        self.popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, **more
        )
        self.lines, self.errors = queue.Queue(), []
        self.threads = [threading.Thread(target=self._read_errors, daemon=True)]
        if stdout == subprocess.PIPE and not quiet:
            self.threads.append(threading.Thread(target=self._read_lines, daemon=True))
        for thread in self.threads:
            thread.start()

    def _read_lines(self):
        for line in self.popen.stdout:
            self.lines.put(line.rstrip(b"\n"))
        self.lines.put(None)

    def _read_errors(self):
        for line in self.popen.stderr:
            self.errors.append(line.decode(errors="replace"))

    def error(self):
        return "".join(self.errors)

    def line(self):
        """The next line, or None at the end."""
        try:
            return self.lines.get(timeout=DEADLINE)
        except queue.Empty:
            raise Failed(f"{self.command[:3]} writes no line: {self.error()}") from None

    def rest(self):
        """All lines up to the end."""
        return list(iter(self.line, None))

    def write(self, data):
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.write(data)
            self.popen.stdin.flush()

    def end_input(self):
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.close()

    def wait(self):
        """The exit code."""
        try:
            code = self.popen.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.command[:3]} does not end: {self.error()}") from None
        for thread in self.threads:
            thread.join(DEADLINE)
        return code

    def stop_answering(self):
        self.popen.send_signal(signal.SIGSTOP)

    def children(self):
        with open(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children") as children:
            found = children.read().split()
        # Those that other threads have started.
        for task in os.listdir(f"/proc/{self.popen.pid}/task"):
            with contextlib.suppress(FileNotFoundError):
                with open(f"/proc/{self.popen.pid}/task/{task}/children") as children:
                    found += children.read().split()
        return set(found)

    def resident(self):
        """Bytes in memory."""
        with open(f"/proc/{self.popen.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.popen.kill()
        self.popen.wait()


class Rig:
    """The processes of one case, and a folder."""

    def __init__(self, tool, websocat, folder):
        self.tool, self.websocat, self.folder = tool, websocat, folder
        self.running = []

    def start(self, *command, **more):
        process = Process([str(word) for word in command], **more)
        self.running.append(process)
        return process

    def ws(self, *args, **more):
        """The tool, with its input open."""
        return self.start(self.tool, *args, **more)

    def run(self, *args, data=b"", **more):
        """The tool, until it ends. Returns its exit code, its output and its errors."""
        ended = subprocess.run(
            [self.tool, *map(str, args)], input=data, capture_output=True, timeout=DEADLINE, check=False, **more
        )
        return ended.returncode, ended.stdout, ended.stderr.decode(errors="replace")

    def listen(self, command, *args, **more):
        """A command of the tool that listens. Returns it and where."""
        process = self.ws(command, "--addr=127.0.0.1:0", *args, **more)
        line = process.line()
        expect(line and line.startswith(b"listening on "), command, line, process.error())
        return process, line.split(b" ")[2].decode()

    def python(self, *flags):
        """Python's websockets as a server, and its URL."""
        process = self.start(sys.executable, os.path.join(HERE, "peer.py"), *flags)
        return process, f"ws://127.0.0.1:{self.port(process)}/"

    def node(self, *flags):
        """npm's ws as a server, and its URL."""
        process = self.start("node", os.path.join(HERE, "peer.js"), "server", *flags)
        return process, f"ws://127.0.0.1:{self.port(process)}/"

    @staticmethod
    def port(process):
        line = process.line()
        expect(line, "no port:", process.error())
        return int(line)

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def end(self):
        for process in self.running:
            process.kill()
        self.running.clear()


def free_port():
    """A port that nobody listens on. Somebody could take it before it is used; then what needs it fails loudly."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), DEADLINE).close()
    except ConnectionRefusedError:
        return False
    return True


@contextlib.contextmanager
def tcp_server(serve):
    """A TCP server that calls `serve` with each connection. Yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run(connection):
        with connection, contextlib.suppress(OSError):
            serve(connection)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=run, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
