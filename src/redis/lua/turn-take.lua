-- Takes the turn of all ids of one shard's part, or a place in the order of arrival (R9).
-- KEYS, ARGV[1..3] as turns say; ARGV[4] registration, ARGV[5] ids, JSON array, or '*', ARGV[6] owners, JSON array,
-- ARGV[7] most that wait, ARGV[8] try
-- Returns {'taken', number}, {'waiting', number}, {'gone'} (no such registration) or {'full'}
-- @include clock
-- @include router
-- @include chunks
-- @include repair
-- @include turns
if not lives(KEYS[5], ARGV[4]) then
  return { 'gone' }
end
local number = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'next', 1))
local turn = { registration = ARGV[4], owners = cjson.decode(ARGV[6]), try = ARGV[8] }
redis.call('HSET', KEYS[1], number, cjson.encode(turn), 'ids:' .. number, ARGV[5], 'try:' .. ARGV[8], number)
local ids = ids_of(number)
claim(number, ids)
if is_next(number, ids) then
  return { 'taken', number }
end
if redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[7]) then
  for _, other in ipairs(redis.call('ZRANGE', KEYS[4], 0, 99)) do
    evict(other)
  end
  if redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[7]) then
    drop(number, turn)
    return { 'full' }
  end
end
return { 'waiting', number }
