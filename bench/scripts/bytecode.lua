local measure = require "measure"

local PUSH, LOAD, STORE, ADD, SUB, MUL, REM, JNZ, HALT = 0, 1, 2, 3, 4, 5, 6, 7, 8

local program = {
    [0] = PUSH, 1000000, STORE, 0, PUSH, 0, STORE, 1,
    LOAD, 0, PUSH, 1, SUB, STORE, 0,
    LOAD, 1, LOAD, 0, LOAD, 0, MUL, PUSH, 7, REM, ADD, STORE, 1,
    LOAD, 0, JNZ, 8, LOAD, 1, HALT,
}

local function interpret(code)
    local stack, variables, at, top = {}, {[0] = 0, 0}, 0, 0
    while true do
        local opcode = code[at]
        if opcode == PUSH then
            stack[top] = code[at + 1]
            top, at = top + 1, at + 2
        elseif opcode == LOAD then
            stack[top] = variables[code[at + 1]]
            top, at = top + 1, at + 2
        elseif opcode == STORE then
            top = top - 1
            variables[code[at + 1]] = stack[top]
            at = at + 2
        elseif opcode == ADD then
            top, at = top - 1, at + 1
            stack[top - 1] = stack[top - 1] + stack[top]
        elseif opcode == SUB then
            top, at = top - 1, at + 1
            stack[top - 1] = stack[top - 1] - stack[top]
        elseif opcode == MUL then
            top, at = top - 1, at + 1
            stack[top - 1] = stack[top - 1] * stack[top]
        elseif opcode == REM then
            top, at = top - 1, at + 1
            stack[top - 1] = math.fmod(stack[top - 1], stack[top])
        elseif opcode == JNZ then
            top = top - 1
            at = stack[top] ~= 0 and code[at + 1] or at + 2
        else
            return stack[top - 1]
        end
    end
end

measure(function() return interpret(program) end)
