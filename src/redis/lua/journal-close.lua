-- Closes counts that a full verify has covered; one that is open again or still stays.
-- KEYS[1] lease, KEYS[2] counts
-- ARGV[1] fence, ARGV[2..] attempts
-- Returns {'ok'} or {'refused', ...}
-- @include fence
for i = 2, #ARGV do
  if redis.call('HGET', KEYS[2], ARGV[i]) == '' then
    redis.call('HDEL', KEYS[2], ARGV[i])
  end
end
return { 'ok' }
