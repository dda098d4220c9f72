-- Leaves a wish in a move's record: 'cancel' (before the switch) or 'now' (end the grace period). Anybody may wish; the
-- lease holder carries it out.
-- KEYS[1] move hash
-- ARGV[1] wish
-- Returns {'ok'} or {'refused', 'missing' | 'phase', detail}
local move = redis.call('HMGET', KEYS[1], 'phase', 'outcome', 'switchedAt')
if not move[1] then
  return { 'refused', 'missing', '' }
end
local switched = move[1] == 'DualWriteStopped' or move[1] == 'OldReplicaDeleted'
-- While the shard settles its owners have changed already, and the phase has not.
local settles = not switched and move[3]
if move[2] or settles or (ARGV[1] == 'cancel') == switched then
  return { 'refused', 'phase', move[2] or settles and 'settling' or move[1] }
end
redis.call('HSET', KEYS[1], 'wish', ARGV[1])
return { 'ok' }
