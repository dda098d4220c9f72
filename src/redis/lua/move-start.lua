-- Publishes `tracking` for a shard and takes the move's places at both nodes, all or nothing.
-- KEYS[1] lease, KEYS[2] move hash, KEYS[3] routing table, KEYS[4] moves out of the source, KEYS[5] moves into the target,
-- KEYS[6] audit stream
-- ARGV[1] fence, ARGV[2] move id, ARGV[3] shard, ARGV[4] expected route, ARGV[5] new route without epoch,
-- ARGV[6] moves per node, ARGV[7] audit length
-- Returns {'ok', epoch} or {'refused', 'phase' | 'wish' | 'conflict' | 'source_full' | 'target_full', detail}
-- @include fence
-- @include route
local move = redis.call('HMGET', KEYS[2], 'phase', 'outcome', 'wish')
if move[1] ~= 'Idle' or move[2] then
  return refused('phase', move[2] or move[1] or '')
end
if move[3] == 'cancel' then
  return refused('wish', '')
end
local limit = tonumber(ARGV[6])
if redis.call('SISMEMBER', KEYS[4], ARGV[2]) == 0 and redis.call('SCARD', KEYS[4]) >= limit then
  return refused('source_full', '')
end
if redis.call('SISMEMBER', KEYS[5], ARGV[2]) == 0 and redis.call('SCARD', KEYS[5]) >= limit then
  return refused('target_full', '')
end
local epoch = write_route(KEYS[3], ARGV[3], ARGV[4], ARGV[5], '0')
if not epoch then
  return refused('conflict', '')
end
redis.call('SADD', KEYS[4], ARGV[2])
redis.call('SADD', KEYS[5], ARGV[2])
redis.call('HSET', KEYS[2], 'startedAt', now)
redis.call('HDEL', KEYS[2], 'waiting', 'waitingSince')
redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[7], '*', 'what', 'tracking', 'move', ARGV[2], 'epoch', epoch, 'fence', ARGV[1])
return { 'ok', epoch }
