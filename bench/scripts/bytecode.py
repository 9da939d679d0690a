from measure import measure

PUSH, LOAD, STORE, ADD, SUB, MUL, REM, JNZ, HALT = range(9)

# fmt: off
PROGRAM = [
    PUSH, 1000000, STORE, 0, PUSH, 0, STORE, 1,
    LOAD, 0, PUSH, 1, SUB, STORE, 0,
    LOAD, 1, LOAD, 0, LOAD, 0, MUL, PUSH, 7, REM, ADD, STORE, 1,
    LOAD, 0, JNZ, 8, LOAD, 1, HALT,
]
# fmt: on


def interpret(code):
    stack, variables, at = [], [0, 0], 0
    while True:
        opcode = code[at]
        if opcode == PUSH:
            stack.append(code[at + 1])
            at += 2
        elif opcode == LOAD:
            stack.append(variables[code[at + 1]])
            at += 2
        elif opcode == STORE:
            variables[code[at + 1]] = stack.pop()
            at += 2
        elif opcode == ADD:
            right = stack.pop()
            stack[-1] += right
            at += 1
        elif opcode == SUB:
            right = stack.pop()
            stack[-1] -= right
            at += 1
        elif opcode == MUL:
            right = stack.pop()
            stack[-1] *= right
            at += 1
        elif opcode == REM:
            right = stack.pop()
            stack[-1] %= right
            at += 1
        elif opcode == JNZ:
            at = code[at + 1] if stack.pop() != 0 else at + 2
        else:
            return stack[-1]


measure(lambda: interpret(PROGRAM))
