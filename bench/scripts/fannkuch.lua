local measure = require "measure"

local N = 10

local function flips(copy)
    local count, first = 0, copy[0]
    while first ~= 0 do
        local low, high = 0, first
        while low < high do
            copy[low], copy[high] = copy[high], copy[low]
            low, high = low + 1, high - 1
        end
        count = count + 1
        first = copy[0]
    end
    return count
end

local function fannkuch()
    local permutation, copy, counters = {}, {}, {}
    for i = 0, N - 1 do
        permutation[i], copy[i], counters[i] = i, i, 0
    end
    local r, number, checksum, largest = N, 0, 0, 0
    while true do
        while r ~= 1 do
            counters[r - 1] = r
            r = r - 1
        end
        for i = 0, N - 1 do
            copy[i] = permutation[i]
        end
        local count = flips(copy)
        if count > largest then
            largest = count
        end
        checksum = number % 2 == 0 and checksum + count or checksum - count
        number = number + 1
        while true do
            if r == N then
                return checksum * 1000 + largest
            end
            local kept = permutation[0]
            for i = 0, r - 1 do
                permutation[i] = permutation[i + 1]
            end
            permutation[r] = kept
            counters[r] = counters[r] - 1
            if counters[r] > 0 then
                break
            end
            r = r + 1
        end
    end
end

measure(fannkuch)
