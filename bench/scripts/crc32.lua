local measure = require "measure"

local SIZE, ROUNDS = 4 << 20, 16
local bytes, entries = {}, {}

local function crc32(crc)
    crc = crc ~ 0xFFFFFFFF
    for at = 1, SIZE do
        crc = entries[(crc ~ bytes[at]) & 255] ~ (crc >> 8)
    end
    return crc ~ 0xFFFFFFFF
end

measure(function()
    for i = 0, 255 do
        local entry = i
        for _ = 1, 8 do
            entry = entry & 1 ~= 0 and 0xEDB88320 ~ (entry >> 1) or entry >> 1
        end
        entries[i] = entry
    end
    local state = 12345
    for at = 1, SIZE do
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        bytes[at] = state >> 24
    end
    local crc = 0
    for _ = 1, ROUNDS do
        crc = crc32(crc)
    end
    return crc
end)
