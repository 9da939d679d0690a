from measure import measure

DEPTH = 16


def build(depth):
    if depth > 0:
        return (build(depth - 1), build(depth - 1))
    return (None, None)


def count(node):
    left, right = node
    if left is None:
        return 1
    return 1 + count(left) + count(right)


def run():
    total = count(build(DEPTH + 1))
    kept = build(DEPTH)
    for depth in range(4, DEPTH + 1, 2):
        for _ in range(1 << (DEPTH - depth + 4)):
            total += count(build(depth))
    return total + count(kept)


measure(run)
