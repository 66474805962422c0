"""Stage 1: the accept key."""
import base64, hashlib, sys

for line in sys.stdin:
    key = line.strip()
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    print(base64.b64encode(digest).decode(), flush=True)
