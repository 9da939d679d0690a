local measure = require "measure"

local N = 1000

local function a(i, j)
    local sum = i + j
    return 1.0 / ((sum * (sum + 1) >> 1) + i + 1)
end

local function multiply(from, to)
    for i = 0, N - 1 do
        local sum = 0.0
        for j = 0, N - 1 do
            sum = sum + a(i, j) * from[j]
        end
        to[i] = sum
    end
end

local function multiply_transposed(from, to)
    for i = 0, N - 1 do
        local sum = 0.0
        for j = 0, N - 1 do
            sum = sum + a(j, i) * from[j]
        end
        to[i] = sum
    end
end

local function dot(x, y)
    local sum = 0.0
    for i = 0, N - 1 do
        sum = sum + x[i] * y[i]
    end
    return sum
end

measure(function()
    local u, v, half = {}, {}, {}
    for i = 0, N - 1 do
        u[i], v[i], half[i] = 1.0, 0.0, 0.0
    end
    for _ = 1, 10 do
        multiply(u, half)
        multiply_transposed(half, v)
        multiply(v, half)
        multiply_transposed(half, u)
    end
    return math.floor(math.sqrt(dot(u, v) / dot(v, v)) * 1e9)
end)
