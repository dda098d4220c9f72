-- Begins a broadcast of an index's settings. Refused while another one is not over, and while the index has a move that
-- has begun and not settled: the two nodes of a move have to have the same settings. One that has not begun compares them
-- when it does, and does not begin while a broadcast is under way (move-start.lua).
-- KEYS[1] lease, KEYS[2] settings, KEYS[3] routing table, KEYS[4] set of unfinished moves
-- ARGV[1] fence, ARGV[2] index, ARGV[3] prefix of moves (all of one hash slot), ARGV[4] broadcast id, ARGV[5] broadcast
-- JSON, ARGV[6] settings desired until now, JSON, ARGV[7] their fingerprint (both kept where none are), ARGV[8] record version
-- Returns {'ok'} or {'refused', 'broadcast' | 'missing' | 'moving', move}
-- @include fence
-- @include tell
if redis.call('HEXISTS', KEYS[3], 's:0') == 0 then
  return refused('missing', '')
end
if redis.call('HEXISTS', KEYS[2], 'broadcast') == 1 then
  return refused('broadcast', '')
end
for _, id in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  local move = redis.call('HMGET', ARGV[3] .. id, 'move', 'phase', 'startedAt')
  if move[3] and move[2] ~= 'DualWriteStopped' and cjson.decode(move[1]).index == ARGV[2] then
    return refused('moving', id)
  end
end
redis.call('HSET', KEYS[2], 'v', ARGV[8], 'broadcast', ARGV[5], 'broadcastId', ARGV[4])
redis.call('HSETNX', KEYS[2], 'version', '0')
if redis.call('HSETNX', KEYS[2], 'settings', ARGV[6]) == 1 then
  redis.call('HSET', KEYS[2], 'fingerprint', ARGV[7])
end
tell(KEYS[3])
return { 'ok' }
