-- Forgets which shards of a replica group were compared: it is read, or gone.
-- KEYS[1] planner lease, KEYS[2] hash of what was compared
-- ARGV[1] fence
-- Returns {'ok'} or {'refused', ...}
-- @include fence
redis.call('DEL', KEYS[2])
return { 'ok' }
