-- Entries to be carried over, oldest first; they stay until they are cleared. Before the switch only those that no open
-- attempt touches: all attempts of an entry are over when its newest lies below every open one (R3).
-- KEYS[1] lease, KEYS[2] journal, KEYS[3] ranges, KEYS[4] open attempts, KEYS[5] router registry, KEYS[6] move hash
-- ARGV[1] fence, ARGV[2] most entries of each kind, ARGV[3] '1' = whatever is there (while settling)
-- Returns {'ok', number of this taking, number of ids, id, attempt, ..., range, attempt, ...} or {'refused', ...}
-- @include fence
-- @include router
-- @include attempt
-- @include open-attempts
local below = '+inf'
if ARGV[3] ~= '1' then
  local low = lowest_open(KEYS[4], KEYS[5])
  if low then
    below = '(' .. string.format('%.0f', low)
  end
end
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', below, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local ranges = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', below, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
-- A clear that Redis carries out late must not remove what has been taken again and is on its way once more.
local taking = redis.call('HINCRBY', KEYS[6], 'takings', 1)
local out = { 'ok', taking, #ids / 2 }
for _, list in ipairs({ ids, ranges }) do
  for _, value in ipairs(list) do
    out[#out + 1] = value
  end
end
return out
