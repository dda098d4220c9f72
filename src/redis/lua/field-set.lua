-- Sets or removes one field of a hash.
-- KEYS[1] lease, KEYS[2] hash
-- ARGV[1] fence, ARGV[2] field, ARGV[3] value ('' removes it)
-- Returns {'ok'} or {'refused', ...}
-- @include fence
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[2], ARGV[2])
else
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
end
return { 'ok' }
