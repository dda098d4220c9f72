-- Ends an append or a raised count whose answer never came: its caller does not know the number and has sent nothing.
-- KEYS[1] open attempts, KEYS[2] counts
-- ARGV[1] try, ARGV[2] registration
-- Returns {'ok'}
local name = ARGV[1] .. ':' .. ARGV[2]
redis.call('ZREM', KEYS[1], name)
local counts = redis.call('HGETALL', KEYS[2])
for i = 1, #counts, 2 do
  if counts[i + 1] == name then
    redis.call('HDEL', KEYS[2], counts[i])
  end
end
return { 'ok' }
