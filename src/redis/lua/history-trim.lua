-- Forgets the oldest ended records beyond a number. Nothing refers to them any more.
-- KEYS[1] planner lease, KEYS[2] ended records by time, KEYS[3] moves by their last change,
-- KEYS[4..] keys of the records to delete
-- ARGV[1] fence, ARGV[2..] members to take out of KEYS[2]
-- Returns {'ok'} or {'refused', ...}
-- @include fence
redis.call('ZREM', KEYS[2], unpack(ARGV, 2))
redis.call('ZREM', KEYS[3], unpack(ARGV, 2))
redis.call('DEL', unpack(KEYS, 4))
return { 'ok' }
