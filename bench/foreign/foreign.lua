-- LuaJIT's ffi. Prints `what nanoseconds` lines.
local ffi = require("ffi")
ffi.cdef [[
int64_t add(int64_t a, int64_t b);
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
]]
local lib = ffi.load("./libforeign.so")
local count, items = 20000000, 100000
local sum = 0LL
local start = os.clock()
for i = 1, count do sum = lib.add(sum, i) end
print("add", (os.clock() - start) / count * 1e9)
local values = ffi.new("int64_t[?]", items)
local int64 = ffi.typeof("const int64_t *")
local compare = ffi.cast("int (*)(const void *, const void *)", function(a, b)
  local x, y = ffi.cast(int64, a)[0], ffi.cast(int64, b)[0]
  return x > y and 1 or x < y and -1 or 0
end)
local best = 1e18
for _ = 1, 5 do
  local x = 1ULL
  for i = 0, items - 1 do
    x = x * 6364136223846793005ULL + 1442695040888963407ULL
    values[i] = bit.rshift(x, 33)
  end
  local start = os.clock()
  ffi.C.qsort(values, items, 8, compare)
  best = math.min(best, (os.clock() - start) * 1e9)
end
print("qsort", best)
