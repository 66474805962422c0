"""Our DEFLATE against zlib, both ways, through Python's zlib module. Run by run.sh.

    deflate_zlib.py path/to/deflate_filter [seed]

Ours to zlib: every level, window and context, messages one after the other into one zlib object with that window.
zlib to ours: every level, strategy, memory level, window and flush, whole and in pieces.
Damaged streams: both must agree on what is acceptable, and on what it says.
"""

import random
import struct
import subprocess
import sys
import zlib

FILTER = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
TAIL = b"\x00\x00\xff\xff"
STRATEGIES = {
    "default": zlib.Z_DEFAULT_STRATEGY,
    "filtered": zlib.Z_FILTERED,
    "huffman": zlib.Z_HUFFMAN_ONLY,
    "rle": zlib.Z_RLE,
    "fixed": zlib.Z_FIXED,
}
cases = 0


class Filter:
    """One process of ours: messages in, answers out."""

    def __init__(self, *arguments):
        command = [FILTER, *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait() == 0

    def __call__(self, message):
        """(True, bytes) or (False, the fault in words)."""
        global cases
        cases += 1
        self.process.stdin.write(struct.pack("<I", len(message)) + message)
        self.process.stdin.flush()
        status, length = struct.unpack("<BI", self.process.stdout.read(5))
        answer = self.process.stdout.read(length)
        return status == 0, answer if status == 0 else answer.decode()


def corpus(rng):
    """Messages of every kind: nothing, little, text, numbers, noise, long runs, far repetitions."""
    words = [b"alpha", b"bravo", b'{"id":', b"true,", b"\n", "Köln".encode(), b"0.5", b"\x00\x00\x00\x00", b" "]
    noise = rng.randbytes
    text = lambda n: b"".join(rng.choice(words) for _ in range(n))
    far = noise(3000)
    return [
        b"", b"a", b"ab", b"abc", b"Hello", noise(1), noise(257), b"x" * 258, b"x" * 259, b"\x00" * 70000,
        text(20), text(400), text(8000), noise(300), noise(70000), text(300) + noise(300) + text(300),
        bytes(rng.choice(b"acgt") for _ in range(5000)), b"".join(struct.pack("<I", i // 3) for i in range(4000)),
        far + noise(200) + far, noise(32768), far * 12, bytes(range(256)) * 40, open(__file__, "rb").read(),
    ]


def check(condition, *context):
    if not condition:
        sys.exit("FAILED: " + " ".join(map(str, context)))


def ours_to_zlib(rng):
    for level in ("fast", "default", "best"):
        for window in range(8, 16):
            for context in ("keep", "reset"):
                with Filter("compress", level, window, context) as compress:
                    # zlib has no window of 256 bytes: Filter("inflate", 8, ...) below shows that ours keeps to it.
                    inflate = zlib.decompressobj(-max(window, 9))
                    for message in corpus(rng):
                        good, payload = compress(message)
                        if context == "reset":
                            inflate = zlib.decompressobj(-max(window, 9))
                        where = ("ours to zlib", level, window, context, message[:20], len(message))
                        check(good and inflate.decompress(payload + TAIL) == message, *where)
                        check(len(payload) <= len(message) + 6 + len(message) // 500, *where, len(payload))


def ours_to_ours(rng):
    for window in range(8, 16):
        with Filter("compress", "best", window, "keep") as compress, Filter("inflate", window, 100, "keep") as inflate:
            for message in corpus(rng):
                check(inflate(compress(message)[1]) == (True, message), "ours to ours", window, len(message))


def zlib_to_ours(rng):
    for window in range(9, 16):
        for level in range(0, 10):
            for name, strategy in STRATEGIES.items():
                memory = rng.choice([1, 5, 8, 9])
                make = lambda: zlib.compressobj(level, zlib.DEFLATED, -window, memory, strategy)
                # Messages with a kept window, ended by a sync flush; fragments with the flushes zlib has.
                compress = make()
                piece = rng.choice([1, 7, 1000, 1 << 20])
                with Filter("inflate", window, piece, "keep") as inflate:
                    for message in corpus(rng):
                        cut = rng.randrange(len(message) + 1)
                        payload = compress.compress(message[:cut])
                        payload += compress.flush(rng.choice([zlib.Z_NO_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH,
                                                              zlib.Z_FULL_FLUSH, zlib.Z_BLOCK]))
                        payload += compress.compress(message[cut:]) + compress.flush(zlib.Z_SYNC_FLUSH)
                        # zlib writes nothing at all when nothing came since the last flush.
                        payload = payload[:-4] if payload.endswith(TAIL) else b"\x00"
                        check(inflate(payload) == (True, message), "zlib to ours", window, level, name, memory, piece,
                              message[:20], len(message))
                # The same as streams by themselves.
                with Filter("stream", window, piece) as inflate:
                    for message in corpus(rng)[:: rng.choice([2, 3])]:
                        compress = make()
                        stream = compress.compress(message) + compress.flush()
                        good = inflate(stream + b"after") == (True, message)
                        check(good, "stream", window, level, name, len(message))


def damage(rng, stream):
    stream = bytearray(stream)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(stream))
        how = rng.randrange(4)
        if how == 0:
            stream[at] = rng.randrange(256)
        elif how == 1:
            stream[at] ^= 1 << rng.randrange(8)
        elif how == 2 and len(stream) > 1:
            del stream[at]
        else:
            stream.insert(at, rng.randrange(256))
    return bytes(stream)


def refused(reader):
    """Whether zlib refuses what it has read so far, whatever follows."""
    for byte in (b"\x00", b"\xff"):
        try:
            reader.copy().decompress(byte * 100)
            return False
        except zlib.error:
            pass
    return True


def damaged(rng, rounds):
    """What zlib says of a damaged stream, ours says too. With 15 bits both know the same window."""
    accepted = 0
    sources = [message for message in corpus(rng) if 0 < len(message) < 4000]
    with Filter("stream", 15, 1 << 20) as whole, Filter("stream", 15, 3) as pieces:
        for i in range(rounds):
            if i % 4 == 0:
                # Random bytes behind the header of a dynamic block: mostly wrong codes.
                stream = bytes([rng.choice([0x04, 0x05, 0x0d, 0xed]) & 0xFF]) + rng.randbytes(rng.randrange(60))
            else:
                strategy = rng.choice(list(STRATEGIES.values()))
                compress = zlib.compressobj(rng.randrange(10), zlib.DEFLATED, -15, 8, strategy)
                stream = compress.compress(rng.choice(sources)) + compress.flush()
                # Damage near the beginning hits the description of the codes.
                near = rng.choice([20, len(stream)])
                stream = damage(rng, stream[:near]) + stream[near:]
            reader = zlib.decompressobj(-15)
            try:
                text = reader.decompress(stream)
                expected = (True, text) if reader.eof else (False, f"unfinished after {len(text)} bytes")
            except zlib.error:
                expected = (False, "refused")
            for inflate in (whole, pieces):
                good, answer = inflate(stream)
                if not good and not answer.startswith("unfinished"):
                    # Without any code for the lengths of codes, zlib reads one zero after the other before it refuses.
                    if "code for code lengths" in answer and expected[0] is False:
                        expected = (False, "refused" if refused(reader) else "waits for ever")
                    answer = "refused"
                check((good, answer) == expected, "damaged", stream.hex(), expected[0], expected[1][:80], answer[:80])
            accepted += expected[0]
    print(f"  damaged: {rounds} streams, {accepted} of them acceptable")


def main():
    for number, part in enumerate((ours_to_zlib, ours_to_ours, zlib_to_ours)):
        part(random.Random(SEED + number))
        print(f"  {part.__name__}: good, {cases} messages so far")
    damaged(random.Random(SEED + 9), 20000)
    print(f"zlib {zlib.ZLIB_RUNTIME_VERSION} and ours agree: {cases} messages")


main()
