-- How the present run of Redis stands: `known` once it was accepted, `waits` for as long as routers may need to hand in what
-- they know, then `due`. A table that is handed in later makes it due again.
-- KEYS[1] planner lease, KEYS[2] hash of the run
-- ARGV[1] fence, ARGV[2] how long routers may need, ms
-- Returns {'ok', 'known' | 'waits' | 'due', '1' when a newer table was handed in} or {'refused', ...}
-- @include fence
local run = string.match(info, 'run_id:(%x+)')
local seen = redis.call('HMGET', KEYS[2], 'accepted', 'next', 'nextSince', 'lost')
local lost = seen[4] or '0'
if not seen[1] then
  redis.call('HSET', KEYS[2], 'accepted', run)
elseif seen[1] ~= run then
  if seen[2] ~= run then
    redis.call('HSET', KEYS[2], 'next', run, 'nextSince', now)
    return { 'ok', 'waits', lost }
  end
  return { 'ok', tonumber(now) < tonumber(seen[3]) + tonumber(ARGV[2]) and 'waits' or 'due', lost }
end
return { 'ok', lost == '1' and 'due' or 'known', lost }
