from measure import measure

LIMIT, ROUNDS = 5_000_000, 10


def count_primes():
    prime = bytearray(LIMIT + 1)
    for i in range(LIMIT + 1):
        prime[i] = 1
    prime[0] = prime[1] = 0
    i = 2
    while i * i <= LIMIT:
        if prime[i]:
            for multiple in range(i * i, LIMIT + 1, i):
                prime[multiple] = 0
        i += 1
    count = 0
    for flag in prime:
        count += flag
    return count


measure(lambda: sum(count_primes() for _ in range(ROUNDS)))
