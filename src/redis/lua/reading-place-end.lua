-- Gives a place back: it counts for a while longer, so that the node has its rest.
-- KEYS[1] places of the node, by their end
-- ARGV[1] place, ARGV[2] how long, ms
-- Returns {'ok'}
-- @include clock
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then
  redis.call('ZADD', KEYS[1], tonumber(now) + tonumber(ARGV[2]), 'rest:' .. ARGV[1])
  redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[2]), redis.call('PTTL', KEYS[1]), 1))
end
return { 'ok' }
