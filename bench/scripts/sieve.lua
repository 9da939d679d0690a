local measure = require "measure"

local LIMIT, ROUNDS = 5000000, 10

local function count_primes()
    local prime = {}
    for i = 1, LIMIT do
        prime[i] = true
    end
    prime[1] = false
    local i = 2
    while i * i <= LIMIT do
        if prime[i] then
            for multiple = i * i, LIMIT, i do
                prime[multiple] = false
            end
        end
        i = i + 1
    end
    local count = 0
    for number = 1, LIMIT do
        if prime[number] then
            count = count + 1
        end
    end
    return count
end

measure(function()
    local total = 0
    for _ = 1, ROUNDS do
        total = total + count_primes()
    end
    return total
end)
