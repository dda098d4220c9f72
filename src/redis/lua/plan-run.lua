-- Declares a plan complete in writing: from here on its moves get jobs. Forgets what asked for it.
-- KEYS[1] planner lease, KEYS[2] topology hash, KEYS[3] plan hash, KEYS[4] list of the plan's moves, KEYS[5] running plans
-- ARGV[1] fence, ARGV[2] plan id ('' when there is nothing to run), ARGV[3] planned topology version,
-- ARGV[4..] names that were planned (index or '*')
-- Returns {'ok'} or {'refused', ...}
-- @include fence
if redis.call('HGET', KEYS[2], 'version') ~= ARGV[3] then
  return refused('conflict', '')
end
if ARGV[2] ~= '' and redis.call('HGET', KEYS[3], 'state') == 'opening' then
  local left = redis.call('LLEN', KEYS[4])
  if left == 0 then
    redis.call('HSET', KEYS[3], 'state', 'done', 'left', '0', 'startedAt', now, 'endedAt', now)
  else
    redis.call('HSET', KEYS[3], 'state', 'running', 'left', string.format('%.0f', left), 'startedAt', now)
  end
end
for i = 4, #ARGV do
  redis.call('HDEL', KEYS[2], 'unplanned:' .. ARGV[i])
end
return { 'ok' }
