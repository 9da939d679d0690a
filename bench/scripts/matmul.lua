local measure = require "measure"

local SIZE, ROUNDS = 256, 10
local left, right, product = {}, {}, {}

local function multiply()
    for row = 0, SIZE - 1 do
        local from, to = left[row], product[row]
        for column = 0, SIZE - 1 do
            local sum = 0.0
            for k = 0, SIZE - 1 do
                sum = sum + from[k] * right[k][column]
            end
            to[column] = sum
        end
    end
end

measure(function()
    for row = 0, SIZE - 1 do
        left[row], right[row], product[row] = {}, {}, {}
        for column = 0, SIZE - 1 do
            left[row][column] = (row * 3 + column * 7) % 11 + 0.0
            right[row][column] = (row * 5 + column * 2) % 13 + 0.0
        end
    end
    local total = 0
    for round = 0, ROUNDS - 1 do
        multiply()
        total = total + math.floor(product[round][SIZE - 1 - round])
        left[round][0] = left[round][0] + 1
    end
    return total
end)
