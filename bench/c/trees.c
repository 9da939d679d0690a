/* Memory: binary trees of depth 4 to 16 are built, counted and given up, as in the Computer Language Benchmarks Game. A
   node is two pointers; trees are taken from an area that is given back as a whole. */
#include "workload.h"

enum { DEPTH = 16, NODES = 4 << DEPTH };

struct node {
    struct node *left, *right;
};

static struct node area[NODES], *next;

static KEEP struct node *build(int64_t depth) {
    struct node *node = next++;
    if (depth > 0) {
        node->left = build(depth - 1);
        node->right = build(depth - 1);
    } else {
        node->left = node->right = 0;
    }
    return node;
}

static KEEP int64_t count(const struct node *node) {
    if (!node->left) {
        return 1;
    }
    return 1 + count(node->left) + count(node->right);
}

int64_t run(void) {
    next = area;
    int64_t total = count(build(DEPTH + 1));
    next = area;
    const struct node *kept = build(DEPTH);
    struct node *free = next;
    for (int64_t depth = 4; depth <= DEPTH; depth += 2) {
        for (int64_t n = (int64_t)1 << (DEPTH - depth + 4); n > 0; n--) {
            next = free;
            total += count(build(depth));
        }
    }
    return total + count(kept);
}
