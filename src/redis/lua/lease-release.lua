-- Ends a lease of this fence: 'clean' lets the next holder start at once, 'dirty' makes it wait for stragglers.
-- KEYS[1] lease hash, KEYS[2] set of scopes that are held or were left unclean
-- ARGV[1] fence, ARGV[2] 'clean' | 'dirty', ARGV[3] scope
-- Returns {'ok'} or {'refused', 'fence', fence now}
local old = redis.call('HMGET', KEYS[1], 'fence', 'state')
if old[1] ~= ARGV[1] or old[2] ~= 'held' then
  return { 'refused', 'fence', old[1] or '' }
end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'until', '0')
if ARGV[2] == 'clean' then
  redis.call('SREM', KEYS[2], ARGV[3])
end
return { 'ok' }
