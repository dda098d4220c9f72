-- Holds a plan, or all plans; what is held already stays as it is.
-- KEYS[1] plan hash, or the hash of all plans
-- ARGV[1] by ('operator' | 'approval'), ARGV[2] actor, ARGV[3] '1' = all plans
-- Returns {'ok', hold} or {'refused', 'missing' | 'done' | 'cancelled', detail}
-- @include clock
if ARGV[3] ~= '1' then
  local plan = redis.call('HMGET', KEYS[1], 'state', 'cancelled')
  if not plan[1] then
    return { 'refused', 'missing', '' }
  end
  if plan[1] == 'done' then
    return { 'refused', 'done', '' }
  end
  if plan[2] then
    return { 'refused', 'cancelled', plan[2] }
  end
end
redis.call('HSETNX', KEYS[1], 'held', ARGV[1] .. ' ' .. now .. ' ' .. ARGV[2])
return { 'ok', redis.call('HGET', KEYS[1], 'held') }
