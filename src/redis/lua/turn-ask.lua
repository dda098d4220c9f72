-- Asks again for a turn that waits.
-- KEYS, ARGV[1..3] as turns say; ARGV[4] registration, ARGV[5] number
-- Returns {'taken'}, {'waiting'}, {'gone'} (no such registration) or {'lost'} (its place was given up)
-- @include clock
-- @include router
-- @include chunks
-- @include repair
-- @include turns
if not lives(KEYS[5], ARGV[4]) then
  return { 'gone' }
end
local text = redis.call('HGET', KEYS[1], ARGV[5])
if not text or cjson.decode(text).registration ~= ARGV[4] then
  return { 'lost' }
end
-- Taken by an ask before, whose answer did not arrive.
if not redis.call('ZSCORE', KEYS[4], ARGV[5]) then
  return { 'taken' }
end
-- While the one it waits for is there, its ids need not be looked at.
local other = redis.call('HGET', KEYS[1], 'after:' .. ARGV[5])
if other and redis.call('HEXISTS', KEYS[1], other) == 1 and not evict(other) then
  redis.call('ZADD', KEYS[4], now, ARGV[5])
  return { 'waiting' }
end
return { is_next(ARGV[5], ids_of(ARGV[5])) and 'taken' or 'waiting' }
