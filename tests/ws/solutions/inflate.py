"""Stage 7: decompression, by RFC 1951 section 3.2."""
import sys

LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
DISTANCES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073]
DISTANCES += [4097, 6145, 8193, 12289, 16385, 24577]
ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]


class Bits:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bit(self):
        bit = self.data[self.at // 8] >> self.at % 8 & 1
        self.at += 1
        return bit

    def number(self, count):
        return sum(self.bit() << i for i in range(count))

    def align(self):
        self.at = (self.at + 7) // 8 * 8

    def bytes(self, count):
        start = self.at // 8
        self.at += 8 * count
        return self.data[start : start + count]


def codes(lengths):
    """The symbol of each code, which is its length and its bits."""
    table, code = {}, 0
    for length in range(1, 16):
        code <<= 1
        for symbol, own in enumerate(lengths):
            if own == length:
                table[length, code] = symbol
                code += 1
    return table


def symbol(bits, table):
    length = code = 0
    while (length, code) not in table:
        code, length = code << 1 | bits.bit(), length + 1
        if length > 15:
            raise ValueError("no such code")
    return table[length, code]


def own_codes(bits):
    counts = bits.number(5) + 257, bits.number(5) + 1
    lengths = [0] * 19
    for place in ORDER[: bits.number(4) + 4]:
        lengths[place] = bits.number(3)
    table, lengths = codes(lengths), []
    while len(lengths) < sum(counts):
        one = symbol(bits, table)
        if one == 16:
            lengths += lengths[-1:] * (bits.number(2) + 3)
        elif one == 17:
            lengths += [0] * (bits.number(3) + 3)
        elif one == 18:
            lengths += [0] * (bits.number(7) + 11)
        else:
            lengths.append(one)
    return codes(lengths[: counts[0]]), codes(lengths[counts[0] :])


FIXED = codes([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8), codes([5] * 30)


def block(bits, window):
    is_last, kind = bits.bit(), bits.number(2)
    if kind == 0:
        bits.align()
        length, complement = (int.from_bytes(bits.bytes(2), "little") for _ in range(2))
        assert length ^ complement == 0xFFFF
        window += bits.bytes(length)
    else:
        literals, distances = FIXED if kind == 1 else own_codes(bits)
        while (one := symbol(bits, literals)) != 256:
            if one < 256:
                window.append(one)
                continue
            one -= 257
            length = LENGTHS[one] + bits.number(0 if one < 8 or one == 28 else one // 4 - 1)
            far = symbol(bits, distances)
            far = DISTANCES[far] + bits.number(0 if far < 4 else far // 2 - 1)
            for _ in range(length):
                window.append(window[-far])
    if is_last:
        bits.align()  # the next block begins with the next byte


window = bytearray()
for line in sys.stdin:
    bits = Bits(bytes.fromhex(line) + bytes.fromhex("0000ffff"))
    before = len(window)
    while bits.at < 8 * len(bits.data):
        block(bits, window)
    print(window[before:].hex(), flush=True)
    del window[:-32768]
