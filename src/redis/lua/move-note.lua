-- Stores facts about a move that change neither phase nor route; a reason to wait keeps the time since when.
-- KEYS[1] lease, KEYS[2] move hash
-- ARGV[1] fence, ARGV[2] reason to wait ('' = none, '-' = not touched), ARGV[3..] field, value, ...
-- Returns {'ok'} or {'refused', ...}
-- @include fence
-- @include changed
if redis.call('HEXISTS', KEYS[2], 'move') == 0 then
  return refused('missing', '')
end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[2], 'waiting', 'waitingSince')
elseif ARGV[2] ~= '-' then
  redis.call('HSET', KEYS[2], 'waiting', ARGV[2])
  redis.call('HSETNX', KEYS[2], 'waitingSince', now)
end
if #ARGV > 2 then
  redis.call('HSET', KEYS[2], unpack(ARGV, 3))
end
note_change(KEYS[2])
return { 'ok' }
