from measure import measure

N = 2_000_000
MASK = (1 << 64) - 1


def signed(value):
    value &= MASK
    return value - (1 << 64) if value >> 63 else value


def sort(v, low, high):
    while low < high:
        pivot, i, j = v[low + (high - low) // 2], low - 1, high + 1
        while True:
            i += 1
            while v[i] < pivot:
                i += 1
            j -= 1
            while v[j] > pivot:
                j -= 1
            if i >= j:
                break
            v[i], v[j] = v[j], v[i]
        sort(v, low, j)
        low = j + 1


def run():
    values, state = [], 42
    for _ in range(N):
        state = state * 6364136223846793005 + 1442695040888963407 & MASK
        values.append(signed(state) >> 20)
    sort(values, 0, N - 1)
    return signed(sum(value * (i + 1) for i, value in enumerate(values)))


measure(run)
