-- Keeps how far a broadcast of settings is, for whoever goes on with it.
-- KEYS[1] lease, KEYS[2] settings
-- ARGV[1] fence, ARGV[2] broadcast id, ARGV[3] broadcast JSON
-- Returns {'ok'} or {'refused', ...}
-- @include fence
if redis.call('HGET', KEYS[2], 'broadcastId') ~= ARGV[2] then
  return refused('broadcast', '')
end
redis.call('HSET', KEYS[2], 'broadcast', ARGV[3])
return { 'ok' }
