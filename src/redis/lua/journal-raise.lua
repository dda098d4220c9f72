-- Raises the count of writes whose ids nobody knows (deletes by filter, R6), checked as an append is. At the mover's gate
-- it has to wait, but not for ever: else the gate would starve it.
-- KEYS[1] routing table, KEYS[2] move hash, KEYS[3] counts (attempt -> `<try>:<registration>` while open, '' afterwards),
-- KEYS[4] router registry
-- ARGV[1] shard, ARGV[2] move id, ARGV[3] registration, ARGV[4] ms that the caller has waited, ARGV[5] longest wait, ms,
-- ARGV[6] try
-- Returns {'ok', attempt}, {'wait'} or {'again', 'state' | 'registration'}
-- @include clock
-- @include router
-- @include shard-state
-- @include attempt
if not stands(KEYS[1], ARGV[1], 'tracking', ARGV[2]) then
  return { 'again', 'state' }
end
if not lives(KEYS[4], ARGV[3]) then
  return { 'again', 'registration' }
end
if tonumber(ARGV[4]) < tonumber(ARGV[5]) and redis.call('HEXISTS', KEYS[2], 'gate') == 1 then
  return { 'wait' }
end
local attempt = next_attempt(KEYS[2])
redis.call('HSET', KEYS[3], attempt, ARGV[6] .. ':' .. ARGV[3])
return { 'ok', attempt }
