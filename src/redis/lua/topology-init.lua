-- Writes the first topology of a fleet; refused when there is one already.
-- KEYS[1] topology hash, KEYS[2] audit stream
-- ARGV[1] audit length, ARGV[2..] node id, node JSON, ...
-- Returns {'ok', version} or {'refused', 'conflict', version}
local version = redis.call('HGET', KEYS[1], 'version')
if version then
  return { 'refused', 'conflict', version }
end
redis.call('HSET', KEYS[1], 'v', '1', 'version', '1')
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], 'node:' .. ARGV[i], ARGV[i + 1])
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'what', 'topology', 'version', '1', 'why', 'init')
return { 'ok', '1' }
