-- Prints a million lines, each with a number and a multiple of it.
local write = io.write
for i = 1, 1000000 do
  write(i, " ", i * 7919, "\n")
end
