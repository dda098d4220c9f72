-- Leaves a wish in a move's record: 'cancel' (before the switch), 'accept-loss' (while the shard settles), 'now' (end the
-- grace period) or 'revert' (in it, before the old copy is touched). Anybody may wish; the lease holder carries it out.
-- KEYS[1] move hash
-- ARGV[1] wish
-- Returns {'ok'} or {'refused', 'missing' | 'phase', detail}
-- @include changed
local move = redis.call('HMGET', KEYS[1], 'phase', 'outcome', 'switchedAt', 'wish', 'deletingAt')
if not move[1] then
  return { 'refused', 'missing', '' }
end
-- While the shard settles its owners have changed already, and the phase has not.
local stage = move[3] and 'settling' or 'moving'
if move[1] == 'DualWriteStopped' or move[1] == 'OldReplicaDeleted' then
  stage = 'grace'
end
local may = { cancel = 'moving', ['accept-loss'] = 'settling', now = 'grace', revert = 'grace' }
if move[2] or may[ARGV[1]] ~= stage then
  return { 'refused', 'phase', move[2] or stage == 'settling' and stage or move[1] }
end
if ARGV[1] == 'revert' and move[5] then
  return { 'refused', 'phase', 'deleting' }
end
-- Who is in a hurry would end the very copy that somebody wants back.
if not (ARGV[1] == 'now' and move[4] == 'revert') then
  redis.call('HSET', KEYS[1], 'wish', ARGV[1])
  note_change(KEYS[1])
end
return { 'ok' }
