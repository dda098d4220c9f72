-- Keeps at which version a node's settings are, unless a broadcast has come between.
-- KEYS[1] lease, KEYS[2] settings, KEYS[3] routing table
-- ARGV[1] fence, ARGV[2] version that is desired, ARGV[3] node, ARGV[4] the node's version
-- Returns {'ok'} or {'refused', ...}
-- @include fence
-- @include tell
if redis.call('HGET', KEYS[2], 'version') ~= ARGV[2] or redis.call('HEXISTS', KEYS[2], 'broadcast') == 1 then
  return refused('broadcast', '')
end
local known = redis.call('HGET', KEYS[2], 'node:' .. ARGV[3])
if (known and string.match(known, '^%d+') or ARGV[2]) == ARGV[4] then
  return { 'ok' }
end
redis.call('HSET', KEYS[2], 'node:' .. ARGV[3], ARGV[4] .. ':' .. now)
tell(KEYS[3])
return { 'ok' }
