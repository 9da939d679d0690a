-- Two million times, one of a thousand strings is given up and another one of 1 to 512 bytes takes its place: half of the sizes
-- are below 64. Prints the sum of the last strings' last bytes and of all sizes.
local STEPS, BLOCKS = 2000000, 1000

local rep, byte = string.rep, string.byte
local blocks, x, sum = {}, 88172645463325252, 0
for _ = 1, STEPS do
  x = x ~ (x << 13)
  x = x ~ (x >> 7)
  x = x ~ (x << 17)
  local place = ((x >> 20) & 0xffffffff) % BLOCKS
  local size = 1 + (x & ((x & (1 << 12) ~= 0 and 512 or 64) - 1))
  blocks[place] = rep("x", size)
  sum = sum + size
end
for _, text in pairs(blocks) do
  sum = sum + byte(text, #text)
end
print(sum)
