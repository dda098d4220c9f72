-- Lengthens a lease that is still held by this fence; never revives one that is over.
-- KEYS[1] lease hash
-- ARGV[1] fence, ARGV[2] TTL ms, ARGV[3] how long the hash stays after its last use (ms), none for ever
-- Returns {'ok'} or {'refused', 'fence' | 'server' | 'expired', fence now}
local info = redis.call('INFO', 'server')
local now = math.floor(tonumber(string.match(info, 'server_time_usec:(%d+)')) / 1000)
local run = string.match(info, 'run_id:(%x+)')
local old = redis.call('HMGET', KEYS[1], 'fence', 'state', 'until', 'run')
if old[1] ~= ARGV[1] or old[2] ~= 'held' then
  return { 'refused', 'fence', old[1] or '' }
end
if old[4] ~= run then
  return { 'refused', 'server', old[1] }
end
if tonumber(old[3]) < now then
  return { 'refused', 'expired', old[1] }
end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + tonumber(ARGV[2])))
redis.call('HINCRBY', KEYS[1], 'seq', 1)
if ARGV[3] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return { 'ok' }
