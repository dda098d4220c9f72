-- Takes nodes that have been told off the record of a deletion; with the last one it goes. The others are the reconcilers'
-- to tell from now on. Another deletion's record stays.
-- KEYS[1] deletions by index
-- ARGV[1] index uid, ARGV[2] epoch that the deletion had, ARGV[3..] nodes
-- Returns {'ok'}
local text = redis.call('HGET', KEYS[1], ARGV[1])
local deletion = text and cjson.decode(text)
if not deletion or deletion.epoch ~= tonumber(ARGV[2]) then
  return { 'ok' }
end
local told = {}
for i = 3, #ARGV do
  told[ARGV[i]] = true
end
local left = {}
for _, id in ipairs(deletion.nodes) do
  if not told[id] then
    table.insert(left, id)
  end
end
if #left == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  deletion.nodes = left
  deletion.untilMs = 0
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(deletion))
end
return { 'ok' }
