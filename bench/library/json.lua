-- Reads a JSON document and prints sums of what is in it.
local find, sub, byte, char = string.find, string.sub, string.byte, string.char

local file = assert(io.open("document.json", "rb"))
local text = file:read("a")
file:close()

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
local null = {}
local value

local function skip(at)
  return find(text, "[^ \t\r\n]", at)
end

local function unicode(code)
  return utf8.char(tonumber(code, 16))
end

local function string_at(at)
  local from = at + 1
  local plain = find(text, '["\\]', from)
  if byte(text, plain) == 34 then
    return sub(text, from, plain - 1), plain + 1
  end
  local last = plain
  while byte(text, last) ~= 34 do
    last = find(text, '["\\]', last + 2)
  end
  local raw = sub(text, from, last - 1)
  raw = raw:gsub("\\u(%x%x%x%x)", unicode):gsub("\\(.)", escapes)
  return raw, last + 1
end

local function array_at(at)
  local result, count = {}, 0
  at = skip(at + 1)
  if byte(text, at) == 93 then
    return result, at + 1
  end
  while true do
    local element
    element, at = value(at)
    count = count + 1
    result[count] = element
    at = skip(at)
    if byte(text, at) == 93 then
      return result, at + 1
    end
    at = skip(at + 1)
  end
end

local function object_at(at)
  local result = {}
  at = skip(at + 1)
  if byte(text, at) == 125 then
    return result, at + 1
  end
  while true do
    local key, element
    key, at = string_at(at)
    at = skip(at)
    at = skip(at + 1)
    element, at = value(at)
    result[key] = element
    at = skip(at)
    if byte(text, at) == 125 then
      return result, at + 1
    end
    at = skip(at + 1)
  end
end

function value(at)
  local first = byte(text, at)
  if first == 34 then
    return string_at(at)
  elseif first == 123 then
    return object_at(at)
  elseif first == 91 then
    return array_at(at)
  elseif first == 116 then
    return true, at + 4
  elseif first == 102 then
    return false, at + 5
  elseif first == 110 then
    return null, at + 4
  end
  local _, last = find(text, "^[-+.%deE]+", at)
  return tonumber(sub(text, at, last)), last + 1
end

local document = value(skip(1))
local lengths, values, flags, sum = 0, 0, 0, 0
for _, record in ipairs(document) do
  lengths = lengths + #record.name
  values = values + #record.values
  sum = sum + record.id
  if record.flag == true then
    flags = flags + 1
  end
end
print(#document, lengths, values, flags, sum)
