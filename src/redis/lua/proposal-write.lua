-- Keeps a proposed plan, and of all of them the newest ones.
-- KEYS[1] hash id -> proposed plan, KEYS[2] ids by when they were made (ms)
-- ARGV[1] id, ARGV[2] JSON, ARGV[3] how many are kept
-- Returns {'ok'}
-- @include clock
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
local over = redis.call('ZRANGE', KEYS[2], 0, -1 - tonumber(ARGV[3]))
for _, id in ipairs(over) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
return { 'ok' }
