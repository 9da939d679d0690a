local measure = require "measure"

local DEPTH = 16

local function build(depth)
    if depth > 0 then
        return {build(depth - 1), build(depth - 1)}
    end
    return {}
end

local function count(node)
    if not node[1] then
        return 1
    end
    return 1 + count(node[1]) + count(node[2])
end

measure(function()
    local total = count(build(DEPTH + 1))
    local kept = build(DEPTH)
    for depth = 4, DEPTH, 2 do
        for _ = 1, 1 << (DEPTH - depth + 4) do
            total = total + count(build(depth))
        end
    end
    return total + count(kept)
end)
