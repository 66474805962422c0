"""Stage 2: the header of a frame."""
import sys


def header(data):
    if len(data) < 2:
        return "more"
    fin, rsv, opcode = data[0] >> 7, data[0] >> 4 & 7, data[0] & 15
    mask, length = data[1] >> 7, data[1] & 127
    more = {126: 2, 127: 8}.get(length, 0)
    size = 2 + more + 4 * mask
    if len(data) < size:
        return "more"
    if more:
        length = int.from_bytes(data[2 : 2 + more], "big")
    return f"{fin} {rsv} {opcode} {mask} {length} {size}"


for line in sys.stdin:
    print(header(bytes.fromhex(line)), flush=True)
