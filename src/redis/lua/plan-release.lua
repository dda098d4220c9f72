-- Lets a plan, or all plans, go on. A hold of the other kind stays: who resumes a plan does not approve it.
-- KEYS[1] plan hash, or the hash of all plans
-- ARGV[1] by ('operator' | 'approval'), ARGV[2] '1' = all plans
-- Returns {'ok', '1' when it was held} or {'refused', 'missing' | 'done' | 'held', detail}
if ARGV[2] ~= '1' then
  local state = redis.call('HGET', KEYS[1], 'state')
  if not state then
    return { 'refused', 'missing', '' }
  end
  if state == 'done' then
    return { 'refused', 'done', '' }
  end
end
local held = redis.call('HGET', KEYS[1], 'held')
if not held then
  return { 'ok', '0' }
end
if string.match(held, '^(%a+)') ~= ARGV[1] then
  return { 'refused', 'held', held }
end
redis.call('HDEL', KEYS[1], 'held')
return { 'ok', '1' }
