-- Takes the present run of Redis up: routes may be changed again. Not while a table waits that was handed in meanwhile,
-- nor when the first one came in after the caller had looked: it has restored indexes as if nothing was lost.
-- KEYS[1] planner lease, KEYS[2] hash of the run, KEYS[3] tables handed in, KEYS[4] index registry
-- ARGV[1] fence, ARGV[2] '1' = the caller knew that Redis has lost writes
-- Returns {'ok', 'accepted' | 'again'} or {'refused', ...}
-- @include fence
for _, index in ipairs(redis.call('HKEYS', KEYS[3])) do
  if redis.call('HEXISTS', KEYS[4], index) == 1 then
    return { 'ok', 'again' }
  end
  -- Deleted meanwhile.
  redis.call('HDEL', KEYS[3], index)
end
local run = string.match(info, 'run_id:(%x+)')
local seen = redis.call('HMGET', KEYS[2], 'accepted', 'lost')
if seen[2] == '1' and ARGV[2] ~= '1' then
  return { 'ok', 'again' }
end
if seen[1] ~= run then
  redis.call('HSET', KEYS[2], 'accepted', run, 'acceptedAt', now)
end
redis.call('HDEL', KEYS[2], 'lost')
return { 'ok', 'accepted' }
