-- Adds moves of an opening plan, some hundreds at a time; a move that exists stays as it is. Refused where an index has
-- lost the shard since it was planned: nobody could end such a move (index-delete.lua looks the other way round).
-- KEYS[1] planner lease, KEYS[2] plan hash, KEYS[3] list of the plan's moves, KEYS[4] set of unfinished moves,
-- KEYS[5..] move hash, routing table of its index, ... (two per move)
-- ARGV[1] fence, ARGV[2..] move id, shard, move JSON, ... (three per move)
-- Returns {'ok', number added} or {'refused', ...}
-- @include fence
-- @include changed
if redis.call('HGET', KEYS[2], 'state') ~= 'opening' then
  return refused('conflict', 'plan is not opening')
end
local added = 0
for i = 5, #KEYS, 2 do
  if redis.call('HEXISTS', KEYS[i + 1], 's:' .. ARGV[2 + (i - 5) / 2 * 3 + 1]) == 0 then
    return refused('conflict', 'the index is gone')
  end
end
for i = 5, #KEYS, 2 do
  local at = 2 + (i - 5) / 2 * 3
  if redis.call('HSETNX', KEYS[i], 'move', ARGV[at + 2]) == 1 then
    redis.call('HSET', KEYS[i], 'phase', 'Idle', 'createdAt', now)
    redis.call('RPUSH', KEYS[3], ARGV[at])
    redis.call('SADD', KEYS[4], ARGV[at])
    note_change(KEYS[i])
    added = added + 1
  end
end
return { 'ok', string.format('%.0f', added) }
