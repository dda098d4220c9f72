-- Adds moves of an opening plan, some hundreds at a time; a move that exists stays as it is.
-- KEYS[1] planner lease, KEYS[2] plan hash, KEYS[3] list of the plan's moves, KEYS[4] set of unfinished moves,
-- KEYS[5..] move hash, ...
-- ARGV[1] fence, ARGV[2..] move id, move JSON, ... (two per move)
-- Returns {'ok', number added} or {'refused', ...}
-- @include fence
if redis.call('HGET', KEYS[2], 'state') ~= 'opening' then
  return refused('conflict', 'plan is not opening')
end
local added = 0
for i = 5, #KEYS do
  local at = 2 + (i - 5) * 2
  if redis.call('HSETNX', KEYS[i], 'move', ARGV[at + 1]) == 1 then
    redis.call('HSET', KEYS[i], 'phase', 'Idle', 'createdAt', now)
    redis.call('RPUSH', KEYS[3], ARGV[at])
    redis.call('SADD', KEYS[4], ARGV[at])
    added = added + 1
  end
end
return { 'ok', string.format('%.0f', added) }
