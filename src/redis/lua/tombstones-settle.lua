-- Notes that nothing that was deleted before a time is left on any replica of a shard, and drops old tombstones.
-- KEYS[1] what is in doubt in the index, KEYS[2] the shard's tombstones
-- ARGV[1] shard, ARGV[2] that time, ms, ARGV[3] time from which tombstones are kept, ms, not after that time
-- Returns {'ok'}
local settled = tonumber(redis.call('HGET', KEYS[1], 'settled:' .. ARGV[1]) or '-1')
if tonumber(ARGV[2]) > settled then
  redis.call('HSET', KEYS[1], 'settled:' .. ARGV[1], ARGV[2])
end
for _, name in ipairs({ 'doubt:', 'lost:' }) do
  local mark = tonumber(redis.call('HGET', KEYS[1], name .. ARGV[1]) or '-1')
  if mark < tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[1], name .. ARGV[1])
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[3])
return { 'ok' }
