-- Keeps the settings that all nodes of an index were found to have as those that are desired, where none are.
-- KEYS[1] lease, KEYS[2] settings, KEYS[3] routing table
-- ARGV[1] fence, ARGV[2] settings JSON, ARGV[3] fingerprint, ARGV[4] record version
-- Returns {'ok'} or {'refused', ...}
-- @include fence
-- @include tell
if redis.call('HEXISTS', KEYS[3], 's:0') == 0 then
  return refused('missing', '')
end
if redis.call('HSETNX', KEYS[2], 'settings', ARGV[2]) == 1 then
  redis.call('HSET', KEYS[2], 'v', ARGV[4], 'fingerprint', ARGV[3])
  redis.call('HSETNX', KEYS[2], 'version', '0')
  tell(KEYS[3])
end
return { 'ok' }
