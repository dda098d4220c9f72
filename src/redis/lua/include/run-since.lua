-- Since when (ms) the present run of Redis is known; whoever looks first notes it. 0 where there was none before.
local function run_since(key, run, now)
  local seen = redis.call('HMGET', key, 'run', 'since')
  if seen[1] == run then
    return tonumber(seen[2] or '0')
  end
  local since = seen[1] and now or '0'
  redis.call('HSET', key, 'run', run, 'since', since)
  return tonumber(since)
end
