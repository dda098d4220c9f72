-- Ends a move: done, cancelled or failed. Its plan counts one less; the last one makes the plan done. The route is only
-- touched while it still belongs to this move. Its journal is dropped, and so is the list of what the retiring owner missed:
-- that copy is gone.
-- KEYS[1] lease, KEYS[2] move hash, KEYS[3] routing table, KEYS[4] moves out of the source, KEYS[5] moves into the target,
-- KEYS[6] audit stream, KEYS[7] set of unfinished moves, KEYS[8] ended moves by time, KEYS[9] plan hash,
-- KEYS[10..13] journal, ranges, open attempts and counts of the move, KEYS[14] repair list that ends with it, KEYS[15] set of
-- the index's repair lists, KEYS[16] samples of the plan, KEYS[17] what the fleet copies
-- ARGV[1] fence, ARGV[2] move id, ARGV[3] shard, ARGV[4] expected phase, ARGV[5] phase, ARGV[6] outcome,
-- ARGV[7] expected route ('' = not touched), ARGV[8] new route without epoch, ARGV[9] audit length, ARGV[10] error text,
-- ARGV[11] name of the repair list in KEYS[15] ('' = none ends)
-- Returns {'ok', epoch, '', time, ''} or {'refused', 'phase' | 'conflict', detail}
-- @include fence
-- @include changed
-- @include run
-- @include route
-- @include progress
local move = redis.call('HMGET', KEYS[2], 'phase', 'outcome')
if move[2] then
  return refused('phase', move[2])
end
if move[1] ~= ARGV[4] then
  return refused('phase', move[1] or '')
end
local epoch = ''
if ARGV[7] ~= '' then
  epoch = write_route(KEYS[3], ARGV[3], ARGV[7], ARGV[8], '0')
  if not epoch then
    return refused('conflict', '')
  end
end
redis.call('HSET', KEYS[2], 'phase', ARGV[5], 'outcome', ARGV[6], 'endedAt', now)
if ARGV[6] == 'done' then
  redis.call('HSET', KEYS[2], 'at:' .. ARGV[5], now)
end
redis.call('HDEL', KEYS[2], 'waiting', 'waitingSince')
if ARGV[10] ~= '' then
  redis.call('HSET', KEYS[2], 'error', ARGV[10])
end
redis.call('SREM', KEYS[4], ARGV[2])
redis.call('SREM', KEYS[5], ARGV[2])
redis.call('SREM', KEYS[7], ARGV[2])
redis.call('ZADD', KEYS[8], now, ARGV[2])
if redis.call('HINCRBY', KEYS[9], 'left', -1) == 0 then
  redis.call('HSET', KEYS[9], 'state', 'done', 'endedAt', now)
end
-- A move that ends before its switch is over for its plan as well as one that is settled.
if ARGV[4] ~= 'DualWriteStopped' then
  progressed(KEYS[9], KEYS[16], KEYS[17], 0, 1)
end
note_change(KEYS[2])
redis.call('DEL', KEYS[10], KEYS[11], KEYS[12], KEYS[13])
redis.call('HDEL', KEYS[2], 'gate')
if ARGV[11] ~= '' then
  redis.call('DEL', KEYS[14])
  redis.call('SREM', KEYS[15], ARGV[11])
end
redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[9], '*', 'what', ARGV[6], 'move', ARGV[2], 'epoch', epoch, 'fence', ARGV[1])
return { 'ok', epoch, '', now, '' }
