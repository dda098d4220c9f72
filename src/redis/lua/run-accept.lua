-- Takes the present run of Redis up: routes may be changed again. Not while a table waits that was handed in meanwhile.
-- KEYS[1] planner lease, KEYS[2] hash of the run, KEYS[3] tables handed in, KEYS[4] index registry
-- ARGV[1] fence
-- Returns {'ok', 'accepted' | 'again'} or {'refused', ...}
-- @include fence
for _, index in ipairs(redis.call('HKEYS', KEYS[3])) do
  if redis.call('HEXISTS', KEYS[4], index) == 1 then
    return { 'ok', 'again' }
  end
  -- Deleted meanwhile.
  redis.call('HDEL', KEYS[3], index)
end
redis.call('HSET', KEYS[2], 'accepted', string.match(info, 'run_id:(%x+)'))
redis.call('HDEL', KEYS[2], 'lost')
return { 'ok', 'accepted' }
