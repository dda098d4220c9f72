-- Cancels a plan: no move of it begins any more (move-start.lua), and the planner leaves a cancel in those that may be undone.
-- A hold ends with it.
-- KEYS[1] plan hash
-- ARGV[1] actor
-- Returns {'ok', '1' when it was not cancelled before} or {'refused', 'missing' | 'done', ''}
-- @include clock
local state = redis.call('HGET', KEYS[1], 'state')
if not state then
  return { 'refused', 'missing', '' }
end
if state == 'done' then
  return { 'refused', 'done', '' }
end
redis.call('HDEL', KEYS[1], 'held')
return { 'ok', tostring(redis.call('HSETNX', KEYS[1], 'cancelled', now .. ' ' .. ARGV[1])) }
