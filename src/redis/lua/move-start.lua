-- Publishes `tracking` for a shard and takes the move's places at both nodes, all or nothing. Not while the index's settings
-- are being changed: from here on none of them changes any more (settings-propose.lua). Not for a plan that is held or was
-- cancelled, nor while all plans are held.
-- KEYS[1] lease, KEYS[2] move hash, KEYS[3] routing table, KEYS[4] moves out of the source, KEYS[5] moves into the target,
-- KEYS[6] audit stream, KEYS[7] settings of the index, KEYS[8] plan hash, KEYS[9] hash of all plans
-- ARGV[1] fence, ARGV[2] move id, ARGV[3] shard, ARGV[4] expected route, ARGV[5] new route without epoch,
-- ARGV[6] moves per node, ARGV[7] audit length
-- Returns {'ok', epoch, time of the move's start, time, route as written} or {'refused', 'phase' | 'wish' | 'held' | 'settings' | 'conflict' | 'source_full' | 'target_full', detail}
-- @include fence
-- @include changed
-- @include run
-- @include route
-- @include plan-held
local move = redis.call('HMGET', KEYS[2], 'phase', 'outcome', 'wish', 'waiting')
if move[1] ~= 'Idle' or move[2] then
  return refused('phase', move[2] or move[1] or '')
end
if move[3] == 'cancel' or redis.call('HEXISTS', KEYS[8], 'cancelled') == 1 then
  return refused('wish', '')
end
local held = plan_held(KEYS[8], KEYS[9])
if held ~= '' then
  return refused('held', held)
end
if redis.call('HEXISTS', KEYS[7], 'broadcast') == 1 then
  return refused('settings', '')
end
-- Takes a place and says so, or leaves everything as it was.
local function enter(places)
  local new = redis.call('SADD', places, ARGV[2]) == 1
  if new and redis.call('SCARD', places) > tonumber(ARGV[6]) then
    redis.call('SREM', places, ARGV[2])
    return nil
  end
  return new
end
local out = enter(KEYS[4])
if out == nil then
  return refused('source_full', '')
end
local into = enter(KEYS[5])
if into == nil then
  if out then
    redis.call('SREM', KEYS[4], ARGV[2])
  end
  return refused('target_full', '')
end
local epoch, text = write_route(KEYS[3], ARGV[3], ARGV[4], ARGV[5], '0')
if not epoch then
  if out then
    redis.call('SREM', KEYS[4], ARGV[2])
  end
  if into then
    redis.call('SREM', KEYS[5], ARGV[2])
  end
  return refused('conflict', '')
end
redis.call('HSET', KEYS[2], 'startedAt', now)
note_change(KEYS[2])
if move[4] then
  redis.call('HDEL', KEYS[2], 'waiting', 'waitingSince')
end
redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[7], '*', 'what', 'tracking', 'move', ARGV[2], 'epoch', epoch, 'fence', ARGV[1])
return { 'ok', epoch, now, now, text }
