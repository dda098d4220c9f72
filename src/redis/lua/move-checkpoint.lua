-- Stores a move's progress in its record and in its job's data, only for the holder of both the lease and the job, and
-- never backward. The job's own lock is no fence: a woken process may still believe in it. A move that has got on waits
-- for nothing any more.
-- KEYS[1] lease, KEYS[2] move hash, KEYS[3] job hash, KEYS[4] job lock, KEYS[5] plan hash, KEYS[6] its samples,
-- KEYS[7] what the fleet copies
-- ARGV[1] fence, ARGV[2] job token, ARGV[3] job data JSON, ARGV[4] documents, ARGV[5] offset, ARGV[6..] field, value, ...
-- Returns {'ok'} or {'refused', 'token' | 'backward', detail}
-- @include fence
-- @include progress
-- @include changed
if redis.call('GET', KEYS[4]) ~= ARGV[2] then
  return refused('token', '')
end
local old = redis.call('HMGET', KEYS[2], 'lastOffset', 'verifiedOffset', 'waiting', 'docsMigrated')
if old[1] and tonumber(old[1]) > tonumber(ARGV[5]) then
  return refused('backward', old[1])
end
local advanced = ARGV[5] ~= (old[1] or '0')
for i = 6, #ARGV, 2 do
  advanced = advanced or ARGV[i] == 'verifiedOffset' and ARGV[i + 1] ~= (old[2] or '0')
end
redis.call('HSET', KEYS[3], 'data', ARGV[3])
redis.call('HSET', KEYS[2], 'docsMigrated', ARGV[4], 'lastOffset', ARGV[5])
note_change(KEYS[2])
if #ARGV > 5 then
  redis.call('HSET', KEYS[2], unpack(ARGV, 6))
end
if advanced then
  redis.call('HSET', KEYS[2], 'checkpointAt', now)
  if old[3] then
    redis.call('HDEL', KEYS[2], 'waiting', 'waitingSince')
  end
  progressed(KEYS[5], KEYS[6], KEYS[7], math.max(0, tonumber(ARGV[4]) - (old[4] or 0)), 0)
end
return { 'ok' }
