local measure = require "measure"

local SIZE, ROUNDS, MASK = 1 << 20, 32, 0xFFFFFFFF
local bytes, w = {}, {}

local constants = {
    [0] = 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

local state = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

-- The low 32 bits of the result are those of x rotated to the right; what is above them is masked away at the end.
local function rotate(x, count)
    return x >> count | x << (32 - count)
end

local function compress(block, at)
    for i = 0, 15 do
        local p = at + 4 * i
        w[i] = block[p] << 24 | block[p + 1] << 16 | block[p + 2] << 8 | block[p + 3]
    end
    for i = 16, 63 do
        local x, y = w[i - 15], w[i - 2]
        w[i] = w[i - 16] + (rotate(x, 7) ~ rotate(x, 18) ~ x >> 3) + w[i - 7]
            + (rotate(y, 17) ~ rotate(y, 19) ~ y >> 10) & MASK
    end
    local a, b, c, d, e, f, g, h = table.unpack(state)
    for i = 0, 63 do
        local t1 = h + ((rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25)) & MASK) + ((e & f) ~ (~e & g)) + constants[i] + w[i]
        local t2 = ((rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22)) & MASK) + ((a & b) ~ (a & c) ~ (b & c))
        h, g, f, e, d, c, b, a = g, f, e, d + t1 & MASK, c, b, a, t1 + t2 & MASK
    end
    for i, value in ipairs { a, b, c, d, e, f, g, h } do
        state[i] = state[i] + value & MASK
    end
end

measure(function()
    local number = 7
    for at = 0, SIZE - 1 do
        number = (number * 1664525 + 1013904223) & MASK
        bytes[at] = number >> 24
    end
    for _ = 1, ROUNDS do
        for at = 0, SIZE - 1, 64 do
            compress(bytes, at)
        end
    end
    local last, bits = { [0] = 0x80 }, ROUNDS * SIZE * 8
    for i = 1, 63 do
        last[i] = i < 56 and 0 or bits >> (8 * (63 - i)) & 255
    end
    compress(last, 0)
    return state[1] << 32 | state[2]
end)
