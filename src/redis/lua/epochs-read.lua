-- Says how far the routing table of each registered index is, and in which run of Redis that counts.
-- KEYS[1] index registry
-- ARGV[1] prefix of routing tables (of the same hash slot)
-- Returns {'ok', run id, index, epoch, ... (two per index)}
-- @include clock
local out = { 'ok', run }
for _, uid in ipairs(redis.call('HKEYS', KEYS[1])) do
  table.insert(out, uid)
  table.insert(out, redis.call('HGET', ARGV[1] .. uid, 'epoch') or '0')
end
return out
