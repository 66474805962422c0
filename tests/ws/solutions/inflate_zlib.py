"""Stage 7 with zlib, whose decompressor ends at a block with BFINAL 1. The next one has the window as its dictionary."""
import sys, zlib

window, engine = b"", zlib.decompressobj(-15)
for line in sys.stdin:
    data, message = bytes.fromhex(line) + bytes.fromhex("0000ffff"), b""
    while data:
        message += engine.decompress(data)
        data = engine.unused_data
        if engine.eof:
            engine = zlib.decompressobj(-15, zdict=(window + message)[-32768:])
    window = (window + message)[-32768:]
    print(message.hex(), flush=True)
