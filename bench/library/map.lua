-- A million random integers are put into a table with their numbers, and then looked up, and as many that are not there.
local COUNT = 1000000

local function step(x)
  x = x ~ (x << 13)
  x = x ~ (x >> 7)
  return x ~ (x << 17)
end

local map, x, sum = {}, 88172645463325252, 0
for i = 0, COUNT - 1 do
  x = step(x)
  map[x] = i
end
x = 88172645463325252
for _ = 1, COUNT do
  x = step(x)
  sum = sum + map[x]
  local other = map[x + 1]
  if other then
    sum = sum + other - 1
  end
end
print(sum)
