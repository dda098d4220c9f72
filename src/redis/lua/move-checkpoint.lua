-- Stores a move's progress in its record and in its job's data, only for the holder of both the lease and the job, and
-- never backward. The job's own lock is no fence: a woken process may still believe in it.
-- KEYS[1] lease, KEYS[2] move hash, KEYS[3] job hash, KEYS[4] job lock
-- ARGV[1] fence, ARGV[2] job token, ARGV[3] job data JSON, ARGV[4] documents, ARGV[5] offset, ARGV[6..] field, value, ...
-- Returns {'ok'} or {'refused', 'token' | 'backward', detail}
-- @include fence
if redis.call('GET', KEYS[4]) ~= ARGV[2] then
  return refused('token', '')
end
local offset = redis.call('HGET', KEYS[2], 'lastOffset')
if offset and tonumber(offset) > tonumber(ARGV[5]) then
  return refused('backward', offset)
end
redis.call('HSET', KEYS[3], 'data', ARGV[3])
redis.call('HSET', KEYS[2], 'docsMigrated', ARGV[4], 'lastOffset', ARGV[5])
if #ARGV > 5 then
  redis.call('HSET', KEYS[2], unpack(ARGV, 6))
end
return { 'ok' }
