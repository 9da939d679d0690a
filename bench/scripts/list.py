"""A linked list of 4096 nodes, walked 20,000 times, as ../c/list.c."""

from measure import measure

N, STEP, ROUNDS = 4096, 1367, 20000


class Node:
    __slots__ = ("value", "next")


def walk(node):
    total = 0
    while node is not None:
        total += node.value
        node = node.next
    return total


def run():
    nodes = [Node() for _ in range(N)]
    for i in range(N):
        node = nodes[i * STEP % N]
        node.value = i * i % 1000
        node.next = nodes[(i + 1) * STEP % N] if i + 1 < N else None
    total = 0
    for rounds in range(ROUNDS):
        nodes[0].value += rounds
        total += walk(nodes[0])
    return total


measure(run)
