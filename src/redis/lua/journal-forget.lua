-- Drops the journal of a move. Refused while the shard still depends on it.
-- KEYS[1] lease, KEYS[2] routing table, KEYS[3] move hash, KEYS[4] journal, KEYS[5] ranges, KEYS[6] open attempts,
-- KEYS[7] counts
-- ARGV[1] fence, ARGV[2] shard, ARGV[3] move id
-- Returns {'ok'} or {'refused', 'conflict' | ..., detail}
-- @include fence
-- @include shard-state
for _, state in ipairs({ 'tracking', 'held', 'settling' }) do
  if stands(KEYS[2], ARGV[2], state, ARGV[3]) then
    return refused('conflict', state)
  end
end
redis.call('DEL', KEYS[4], KEYS[5], KEYS[6], KEYS[7])
redis.call('HDEL', KEYS[3], 'gate')
return { 'ok' }
