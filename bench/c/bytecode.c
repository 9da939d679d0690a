/* A byte-code interpreter: a stack machine of nine instructions that adds up i * i % 7 for i below 1,000,000. */
#include "workload.h"

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, REM, JNZ, HALT };

static const int64_t program[] = {
    PUSH, 1000000, STORE, 0, PUSH, 0, STORE, 1,          /* i = 1000000, sum = 0 */
    LOAD, 0, PUSH, 1, SUB, STORE, 0,                     /* 8: i -= 1 */
    LOAD, 1, LOAD, 0, LOAD, 0, MUL, PUSH, 7, REM, ADD, STORE, 1, /* sum += i * i % 7 */
    LOAD, 0, JNZ, 8, LOAD, 1, HALT,
};

static int64_t stack[16], variables[2];

static KEEP int64_t interpret(const int64_t *code) {
    int64_t at = 0, top = 0;
    for (;;) {
        switch (code[at]) {
        case PUSH:
            stack[top++] = code[at + 1];
            at += 2;
            break;
        case LOAD:
            stack[top++] = variables[code[at + 1]];
            at += 2;
            break;
        case STORE:
            variables[code[at + 1]] = stack[--top];
            at += 2;
            break;
        case ADD:
            top--;
            stack[top - 1] += stack[top];
            at++;
            break;
        case SUB:
            top--;
            stack[top - 1] -= stack[top];
            at++;
            break;
        case MUL:
            top--;
            stack[top - 1] *= stack[top];
            at++;
            break;
        case REM:
            top--;
            stack[top - 1] %= stack[top];
            at++;
            break;
        case JNZ:
            at = stack[--top] != 0 ? code[at + 1] : at + 2;
            break;
        default:
            return stack[top - 1];
        }
    }
}

int64_t run(void) {
    return interpret(program);
}
