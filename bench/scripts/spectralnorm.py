from math import floor, sqrt

from measure import measure

N = 1000


def a(i, j):
    total = i + j
    return 1.0 / ((total * (total + 1) >> 1) + i + 1)


def multiply(start):
    result = []
    for i in range(N):
        total = 0.0
        for j in range(N):
            total += a(i, j) * start[j]
        result.append(total)
    return result


def multiply_transposed(start):
    result = []
    for i in range(N):
        total = 0.0
        for j in range(N):
            total += a(j, i) * start[j]
        result.append(total)
    return result


def dot(x, y):
    total = 0.0
    for i in range(N):
        total += x[i] * y[i]
    return total


def run():
    u = [1.0] * N
    for _ in range(10):
        v = multiply_transposed(multiply(u))
        u = multiply_transposed(multiply(v))
    return floor(sqrt(dot(u, v) / dot(v, v)) * 1e9)


measure(run)
