-- Takes a plan that is done out of the running ones.
-- KEYS[1] planner lease, KEYS[2] plan hash, KEYS[3] running plans, KEYS[4] ended plans by time, KEYS[5] audit stream
-- ARGV[1] fence, ARGV[2] plan id, ARGV[3] audit length
-- Returns {'ok'} or {'refused', ...}
-- @include fence
if redis.call('HGET', KEYS[2], 'state') ~= 'done' then
  return refused('conflict', 'plan is not done')
end
redis.call('SREM', KEYS[3], ARGV[2])
redis.call('ZADD', KEYS[4], now, ARGV[2])
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[3], '*', 'what', 'plan', 'plan', ARGV[2], 'why', 'done')
return { 'ok' }
