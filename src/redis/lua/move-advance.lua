-- The one step of a move: raises its phase, its shard's route, or both, in one compare. Refused when the phase or the
-- route is another than expected, and, on request, when a cancel (after the switch: a revert) is wished, the plan is
-- held or was cancelled, a hold of this epoch is over, a count of writes with unknown ids stands, or the journal holds more
-- than plain ids. On request the list of what the source missed becomes the target's too, which is its copy.
-- KEYS[1] lease, KEYS[2] move hash, KEYS[3] routing table, KEYS[4] moves out of the source, KEYS[5] moves into the target,
-- KEYS[6] audit stream, KEYS[7] counts of the move, KEYS[8] ranges of its journal, KEYS[9] repair list that is copied,
-- KEYS[10] the one copied to, KEYS[11] set of the index's repair lists, KEYS[12] plan hash, KEYS[13] hash of all plans,
-- KEYS[14] samples of the plan, KEYS[15] what the fleet copies
-- ARGV[1] fence, ARGV[2] move id, ARGV[3] shard, ARGV[4] expected phase, ARGV[5] phase ('' = stays),
-- ARGV[6] expected route ('' = not looked at), ARGV[7] new route without epoch ('' = stays), ARGV[8] hold ms or '0',
-- ARGV[9] end of the hold that must not be over ('' = none), ARGV[10] '1' = refuse when a cancel or revert is wished,
-- ARGV[11] '1' = gives the places at both nodes back, ARGV[12] '1' = refuse counts and ranges, ARGV[13] '1' = refuse
-- when the plan is held or cancelled, ARGV[14] name of the repair list copied to in KEYS[11] ('' = nothing is copied),
-- ARGV[15] audit length, ARGV[16] what, ARGV[17..] field, value, ...
-- Returns {'ok', epoch, time of the move's start, time, route as written}
--      or {'refused', 'phase' | 'wish' | 'held' | 'hold_over' | 'counted' | 'journal' | 'conflict', detail}
-- @include fence
-- @include changed
-- @include run
-- @include route
-- @include chunks
-- @include repair
-- @include plan-held
-- @include progress
local move = redis.call('HMGET', KEYS[2], 'phase', 'outcome', 'wish', 'startedAt', 'waiting', 'heldAt', 'docsMigrated',
  'at:DualWriteStarted', 'at:MigrationInProgress')
if move[1] ~= ARGV[4] or move[2] then
  return refused('phase', move[2] or move[1] or '')
end
local wished_away = ARGV[4] == 'DualWriteStopped' and 'revert' or 'cancel'
if ARGV[10] == '1' and move[3] == wished_away then
  return refused('wish', '')
end
if ARGV[13] == '1' then
  if redis.call('HEXISTS', KEYS[12], 'cancelled') == 1 then
    return refused('wish', '')
  end
  if plan_held(KEYS[12], KEYS[13]) ~= '' then
    return refused('held', '')
  end
end
if ARGV[9] ~= '' and tonumber(now) > tonumber(ARGV[9]) then
  return refused('hold_over', '')
end
if ARGV[12] == '1' then
  if redis.call('HLEN', KEYS[7]) > 0 then
    return refused('counted', '')
  end
  if redis.call('EXISTS', KEYS[8]) == 1 then
    return refused('journal', '')
  end
end
local epoch, text = '', ''
if ARGV[7] ~= '' then
  epoch, text = write_route(KEYS[3], ARGV[3], ARGV[6], ARGV[7], ARGV[8])
  if not epoch then
    return refused('conflict', '')
  end
elseif ARGV[6] ~= '' and redis.call('HGET', KEYS[3], 's:' .. ARGV[3]) ~= ARGV[6] then
  return refused('conflict', '')
end
local fields = {}
if ARGV[5] ~= '' then
  fields = { 'phase', ARGV[5], 'phaseAt', now, 'at:' .. ARGV[5], now }
  if move[5] then
    redis.call('HDEL', KEYS[2], 'waiting', 'waitingSince')
  end
end
for i = 17, #ARGV, 2 do
  table.insert(fields, ARGV[i])
  table.insert(fields, ARGV[i + 1] == '$now' and now or ARGV[i + 1])
  if ARGV[i] == 'switchedAt' and move[6] then
    tally(KEYS[15], 0, tonumber(now) - move[6])
  end
end
if #fields > 0 then
  redis.call('HSET', KEYS[2], unpack(fields))
  note_change(KEYS[2])
end
if ARGV[5] == 'DualWriteStopped' and redis.call('HEXISTS', KEYS[12], 'state') == 1 then
  redis.call('HINCRBY', KEYS[12], 'settledMoves', 1)
  redis.call('HINCRBY', KEYS[12], 'settledDocuments', move[7] or 0)
  redis.call('HINCRBY', KEYS[12], 'settledMs', whole(now - (move[4] or now)))
  redis.call('HINCRBY', KEYS[12], 'settledCopyMs', whole((move[9] or 0) - (move[8] or move[9] or 0)))
  progressed(KEYS[12], KEYS[14], KEYS[15], 0, 1)
end
if ARGV[11] == '1' then
  redis.call('SREM', KEYS[4], ARGV[2])
  redis.call('SREM', KEYS[5], ARGV[2])
end
if ARGV[14] ~= '' then
  copy_repairs(KEYS[9], KEYS[10], KEYS[11], ARGV[14])
end
redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[15], '*', 'what', ARGV[16], 'move', ARGV[2], 'epoch', epoch, 'fence', ARGV[1])
return { 'ok', epoch, move[4] or '', now, text }
