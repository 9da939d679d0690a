-- Sorts a million random integers; prints a sum that depends on their order.
local COUNT = 1000000

local values, x = {}, 88172645463325252
for i = 1, COUNT do
  x = x ~ (x << 13)
  x = x ~ (x >> 7)
  x = x ~ (x << 17)
  values[i] = x
end
table.sort(values)
local sum = 0
for i = 1, COUNT do
  sum = sum * 31 + values[i]
end
print(sum)
