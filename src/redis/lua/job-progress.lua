-- Shows progress on a job that the caller holds: the record has it already, and only display depends on this.
-- KEYS[1] job hash, KEYS[2] job lock
-- ARGV[1] job token, ARGV[2] job data JSON
-- Returns {'ok'} or {'refused', 'token', ''}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return { 'refused', 'token', '' }
end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return { 'ok' }
