-- Sets or lifts the mover's gate: while it is set, new counts wait.
-- KEYS[1] lease, KEYS[2] move hash
-- ARGV[1] fence, ARGV[2] '1' = set
-- Returns {'ok'} or {'refused', ...}
-- @include fence
if redis.call('HEXISTS', KEYS[2], 'move') == 0 then
  return refused('missing', '')
end
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[2], 'gate', now)
else
  redis.call('HDEL', KEYS[2], 'gate')
end
return { 'ok' }
