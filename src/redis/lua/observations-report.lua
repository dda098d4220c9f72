-- Replaces what one observer reports of nodes; with nothing to tell it says that it looks. Takes out the reports that are
-- over. Since when is kept in Redis time, counted back by the observer, so that no two clocks are compared.
-- KEYS[1] reports (hash: observer -> JSON {untilMs, process, name, nodes: {node: [what, since (ms), looks]}})
-- ARGV[1] observer, ARGV[2] how long the report counts, ms; 0 withdraws it, ARGV[3] process, ARGV[4] name,
-- ARGV[5..] node, what, for how long (ms), looks, ...
-- Returns {'ok', node that another observer reports, what it says of it, ...}
-- @include clock
-- @include router
local nodes = {}
for i = 5, #ARGV, 4 do
  local since = string.format('%.0f', tonumber(now) - tonumber(ARGV[i + 2]))
  nodes[#nodes + 1] = cjson.encode(ARGV[i])
    .. ':[' .. cjson.encode(ARGV[i + 1]) .. ',' .. since .. ',' .. ARGV[i + 3] .. ']'
end
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  local ends = string.format('%.0f', tonumber(now) + tonumber(ARGV[2]))
  redis.call('HSET', KEYS[1], ARGV[1],
    '{"untilMs":' .. ends .. ',"process":' .. cjson.encode(ARGV[3]) .. ',"name":' .. cjson.encode(ARGV[4])
      .. ',"nodes":{' .. table.concat(nodes, ',') .. '}}')
end
local out = { 'ok' }
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  if ends_at(entries[i + 1]) <= tonumber(now) then
    redis.call('HDEL', KEYS[1], entries[i])
  elseif entries[i] ~= ARGV[1] then
    for node, sight in pairs(cjson.decode(entries[i + 1]).nodes) do
      out[#out + 1] = node
      out[#out + 1] = sight[1]
    end
  end
end
return out
