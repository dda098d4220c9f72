-- Changes nodes and replica groups of the topology under the planner's fence and remembers what has to be planned because of it.
-- KEYS[1] planner lease, KEYS[2] topology hash, KEYS[3] audit stream
-- ARGV[1] fence, ARGV[2] expected version, ARGV[3] audit length, ARGV[4] why, ARGV[5] index to plan, '*' for every,
-- '' for none; ARGV[6..] field (`node:<id>` or `group:<number>`), JSON ('' removes), ...
-- Returns {'ok', version} or {'refused', ...}
-- @include fence
local version = redis.call('HGET', KEYS[2], 'version') or '0'
if version ~= ARGV[2] then
  return refused('conflict', version)
end
version = string.format('%.0f', tonumber(version) + 1)
redis.call('HSET', KEYS[2], 'v', '1', 'version', version)
for i = 6, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[i])
  else
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[2], 'unplanned:' .. ARGV[5], ARGV[4])
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'what', 'topology', 'version', version, 'why', ARGV[4])
return { 'ok', version }
