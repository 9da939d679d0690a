from measure import measure

SIZE, ROUNDS = 256, 10


def multiply(left, right, product):
    for row in range(SIZE):
        source, target = left[row], product[row]
        for column in range(SIZE):
            total = 0.0
            for k in range(SIZE):
                total += source[k] * right[k][column]
            target[column] = total


def run():
    left = [[float((row * 3 + column * 7) % 11) for column in range(SIZE)] for row in range(SIZE)]
    right = [[float((row * 5 + column * 2) % 13) for column in range(SIZE)] for row in range(SIZE)]
    product = [[0.0] * SIZE for _ in range(SIZE)]
    total = 0
    for round in range(ROUNDS):
        multiply(left, right, product)
        total += int(product[round][SIZE - 1 - round])
        left[round][0] += 1
    return total


measure(run)
