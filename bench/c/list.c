/* Pointers: walks a linked list of 4096 nodes, in an order that jumps about, 20,000 times. */
#include "workload.h"

enum { N = 4096, STEP = 1367, ROUNDS = 20000 };

struct node {
    struct node *next;
    int64_t value;
};

static struct node nodes[N];

static KEEP int64_t walk(const struct node *node) {
    int64_t sum = 0;
    do {
        sum += node->value;
        node = node->next;
    } while (node);
    return sum;
}

int64_t run(void) {
    for (int64_t i = 0; i < N; i++) {
        struct node *node = &nodes[i * STEP % N];
        node->value = i * i % 1000;
        node->next = i + 1 < N ? &nodes[(i + 1) * STEP % N] : 0;
    }
    int64_t sum = 0;
    for (int64_t round = 0; round < ROUNDS; round++) {
        nodes[0].value += round;
        sum += walk(&nodes[0]);
    }
    return sum;
}
