-- Ends an attempt: its write was accepted, or its outcome is unknown. Never creates an entry.
-- KEYS[1] open attempts
-- ARGV[1] attempt, ARGV[2] registration
-- Returns {'ok'}
-- @include attempt
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1])) do
  if registration_of(name) == ARGV[2] then
    redis.call('ZREM', KEYS[1], name)
  end
end
return { 'ok' }
