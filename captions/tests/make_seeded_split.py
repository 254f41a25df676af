"""Draws the split that tests/splits.rs expects, with a ChaCha8 written from RFC 8439 (8 rounds).

    python captions/tests/make_seeded_split.py
"""

import struct

MASK = 0xFFFFFFFF


def block(key, counter):
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key)]
    start += [counter & MASK, counter >> 32, 0, 0]  # 64-bit counter, 64-bit stream number
    x = list(start)

    def rotate(value, bits):
        return (value << bits | value >> 32 - bits) & MASK

    def quarter(a, b, c, d):
        for p, q, r, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[p] = (x[p] + x[q]) & MASK
            x[r] = rotate(x[r] ^ x[p], bits)

    for _ in range(4):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return [(a + b) & MASK for a, b in zip(x, start)]


def words(seed):
    key = seed.to_bytes(8, "little") + bytes(24)
    counter = 0
    while True:
        stream = block(key, counter)
        for low, high in zip(stream[::2], stream[1::2]):
            yield high << 32 | low
        counter += 1


def shuffled(n, seed):
    order, stream = list(range(n)), words(seed)
    for i in range(n - 1, 0, -1):
        top = 2**64 - 1
        whole = top - top % (i + 1)
        word = next(w for w in stream if w < whole)
        j = word % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


order = shuffled(12, 42)
for name, part in {"TRAIN": order[:6], "VALIDATION": order[6:9]}.items():
    files = ", ".join(f'"{i:05}.jpg"' for i in sorted(part))
    print(f"const {name}: [&str; {len(part)}] = [{files}];")
