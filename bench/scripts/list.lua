-- A linked list of 4096 nodes, walked 20,000 times, as ../c/list.c.
local measure = require "measure"

local N, STEP, ROUNDS = 4096, 1367, 20000

local function walk(node)
    local sum = 0
    repeat
        sum = sum + node.value
        node = node.next
    until not node
    return sum
end

measure(function()
    local nodes = {}
    for i = 0, N - 1 do
        nodes[i] = { value = 0, next = nil }
    end
    for i = 0, N - 1 do
        local node = nodes[i * STEP % N]
        node.value = i * i % 1000
        node.next = i + 1 < N and nodes[(i + 1) * STEP % N] or nil
    end
    local sum = 0
    for round = 0, ROUNDS - 1 do
        nodes[0].value = nodes[0].value + round
        sum = sum + walk(nodes[0])
    end
    return sum
end)
