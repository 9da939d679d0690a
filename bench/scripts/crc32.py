from measure import measure

SIZE, ROUNDS = 4 << 20, 16


def crc32(table, data, crc):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def run():
    table = []
    for i in range(256):
        for _ in range(8):
            i = 0xEDB88320 ^ (i >> 1) if i & 1 else i >> 1
        table.append(i)
    state, data = 12345, bytearray(SIZE)
    for at in range(SIZE):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        data[at] = state >> 24
    crc = 0
    for _ in range(ROUNDS):
        crc = crc32(table, data, crc)
    return crc


measure(run)
