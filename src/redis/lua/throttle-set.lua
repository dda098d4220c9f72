-- Sets or clears the throttle of copies; what was taken under the one before is forgotten, so that a new rate holds at once.
-- KEYS[1] throttle hash
-- ARGV[1] throttle JSON ('' clears it), ARGV[2] actor, ARGV[3] since when the one is there that is replaced ('' = whatever
-- there is, '0' = there is none)
-- Returns {'ok', since} or {'refused', 'conflict', detail}
-- @include clock
local since = redis.call('HGET', KEYS[1], 'since') or '0'
if ARGV[3] ~= '' and since ~= ARGV[3] then
  return { 'refused', 'conflict', 'the throttle was changed' }
end
redis.call('DEL', KEYS[1])
if ARGV[1] == '' then
  return { 'ok', '0' }
end
redis.call('HSET', KEYS[1], 'throttle', ARGV[1], 'actor', ARGV[2], 'since', now)
return { 'ok', now }
