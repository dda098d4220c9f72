-- Keeps what was predicted of a plan first; later words change nothing.
-- KEYS[1] planner lease, KEYS[2] plan hash
-- ARGV[1] fence, ARGV[2] prediction as JSON
-- Returns {'ok'} or {'refused', ...}
-- @include fence
if redis.call('HEXISTS', KEYS[2], 'plan') == 1 then
  redis.call('HSETNX', KEYS[2], 'predicted', ARGV[2])
end
return { 'ok' }
