-- Takes a place for one request to a node, where so many at a time are let through by all processes together. A place
-- counts until its end, whether its holder gives it back or dies.
-- KEYS[1] places of the node, by their end: `<place>` while it is used, `rest:<place>` while the node rests from it
-- ARGV[1] place, ARGV[2] most places, ARGV[3] how long it counts, ms
-- Returns {'taken'}, {'rests', ms until the first of them is free} or {'used'}
-- @include clock
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  if string.sub(first[1], 1, 5) == 'rest:' then
    return { 'rests', string.format('%.0f', tonumber(first[2]) - tonumber(now)) }
  end
  return { 'used' }
end
redis.call('ZADD', KEYS[1], tonumber(now) + tonumber(ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[1])))
return { 'taken' }
