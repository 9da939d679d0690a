from measure import measure

N = 10


def flips(copy):
    count = 0
    while (first := copy[0]) != 0:
        low, high = 0, first
        while low < high:
            copy[low], copy[high] = copy[high], copy[low]
            low += 1
            high -= 1
        count += 1
    return count


def fannkuch():
    permutation = list(range(N))
    counters = [0] * N
    r, number, checksum, largest = N, 0, 0, 0
    while True:
        while r != 1:
            counters[r - 1] = r
            r -= 1
        count = flips(permutation[:])
        if count > largest:
            largest = count
        checksum += count if number % 2 == 0 else -count
        number += 1
        while True:
            if r == N:
                return checksum * 1000 + largest
            kept = permutation[0]
            for i in range(r):
                permutation[i] = permutation[i + 1]
            permutation[r] = kept
            counters[r] -= 1
            if counters[r] > 0:
                break
            r += 1


measure(fannkuch)
