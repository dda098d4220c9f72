-- How the present run of Redis stands: `known` once it was accepted, `waits` for as long as routers may need to hand in what
-- they know, then `due`. A table that is handed in later makes it due again. Barriers (barrier.lua) wait from the same time.
-- KEYS[1] planner lease, KEYS[2] hash of the run
-- ARGV[1] fence, ARGV[2] how long routers may need, ms
-- Returns {'ok', 'known' | 'waits' | 'due', '1' when a newer table was handed in} or {'refused', ...}
-- @include fence
-- @include run-since
local run = string.match(info, 'run_id:(%x+)')
local since = run_since(KEYS[2], run, now)
local seen = redis.call('HMGET', KEYS[2], 'accepted', 'lost')
local lost = seen[2] or '0'
if not seen[1] then
  redis.call('HSET', KEYS[2], 'accepted', run, 'acceptedAt', '0')
elseif seen[1] ~= run then
  return { 'ok', tonumber(now) < since + tonumber(ARGV[2]) and 'waits' or 'due', lost }
end
return { 'ok', lost == '1' and 'due' or 'known', lost }
