"""Stage 3: masking."""
import sys

for line in sys.stdin:
    key, payload = map(bytes.fromhex, line.split())
    print(bytes(byte ^ key[i % 4] for i, byte in enumerate(payload)).hex(), flush=True)
