local measure = require "measure"

local N = 2000000

local function sort(v, low, high)
    while low < high do
        local pivot, i, j = v[low + (high - low) // 2], low - 1, high + 1
        while true do
            repeat
                i = i + 1
            until v[i] >= pivot
            repeat
                j = j - 1
            until v[j] <= pivot
            if i >= j then
                break
            end
            v[i], v[j] = v[j], v[i]
        end
        sort(v, low, j)
        low = j + 1
    end
end

measure(function()
    local values, state, sum = {}, 42, 0
    for i = 1, N do
        state = state * 6364136223846793005 + 1442695040888963407
        values[i] = state >> 20 | (state < 0 and ~(~0 >> 20) or 0)
    end
    sort(values, 1, N)
    for i = 1, N do
        sum = sum + values[i] * i
    end
    return sum
end)
