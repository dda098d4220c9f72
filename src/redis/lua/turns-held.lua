-- Which shards of an index have turns, taken or waiting.
-- KEYS[1] turns of the index, without the shard (all of one hash slot)
-- ARGV[1] first shard, ARGV[2] last shard
-- Returns {'ok', shard, ...}
local out = { 'ok' }
for shard = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local number = string.format('%.0f', shard)
  if redis.call('EXISTS', KEYS[1] .. number .. ':order') == 1 then
    out[#out + 1] = number
  end
end
return out
