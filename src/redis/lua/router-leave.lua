-- Takes a registration out. Only for a router with nothing in flight: barriers no longer wait for it.
-- KEYS[1] router registry
-- ARGV[1] registration
-- Returns {'ok'}
redis.call('HDEL', KEYS[1], ARGV[1])
return { 'ok' }
