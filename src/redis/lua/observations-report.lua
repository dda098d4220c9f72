-- Replaces what one observer reports of nodes that do not answer it; an empty report withdraws. Takes out the reports
-- that are over. Since when is kept in Redis time, counted back by the observer, so that no two clocks are compared.
-- KEYS[1] reports (hash: observer -> JSON {untilMs, name, nodes: {node: since, ms}})
-- ARGV[1] observer, ARGV[2] how long the report counts, ms, ARGV[3] name, ARGV[4..] node, ms without an answer, ...
-- Returns {'ok', node that another observer reports, ...}
-- @include clock
-- @include router
local nodes = {}
for i = 4, #ARGV, 2 do
  local since = string.format('%.0f', tonumber(now) - tonumber(ARGV[i + 1]))
  nodes[#nodes + 1] = cjson.encode(ARGV[i]) .. ':' .. since
end
if #nodes == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  local ends = string.format('%.0f', tonumber(now) + tonumber(ARGV[2]))
  redis.call('HSET', KEYS[1], ARGV[1],
    '{"untilMs":' .. ends .. ',"name":' .. cjson.encode(ARGV[3]) .. ',"nodes":{' .. table.concat(nodes, ',') .. '}}')
end
local out, seen = { 'ok' }, {}
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  if ends_at(entries[i + 1]) <= tonumber(now) then
    redis.call('HDEL', KEYS[1], entries[i])
  elseif entries[i] ~= ARGV[1] then
    for node in pairs(cjson.decode(entries[i + 1]).nodes) do
      if not seen[node] then
        seen[node] = true
        out[#out + 1] = node
      end
    end
  end
end
return out
