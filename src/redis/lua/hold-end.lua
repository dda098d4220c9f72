-- Puts a hold that is over back to `tracking`: the one change without a fence, so that a dead mover holds nobody. No planner
-- has to take the present run of Redis up for it, since no owner changes. But its epoch may be one that Redis has lost:
-- whoever served by that one has the time to hand it in first.
-- KEYS[1] routing table, KEYS[2] hash of the run
-- ARGV[1] shard, ARGV[2] expected route, ARGV[3] its end (ms), ARGV[4] new route without epoch, ARGV[5] how long routers may
-- need to hand in what they know, ms
-- Returns {'ok', epoch} or {'refused', 'conflict' | 'hold', ...}
-- @include clock
-- @include run
-- @include run-since
-- @include route
if tonumber(now) <= tonumber(ARGV[3]) then
  return { 'refused', 'hold', ARGV[3] }
end
local prefix, index = string.match(KEYS[1], '^(.-):routing:(.+)$')
if not run_is_accepted(prefix) and tonumber(now) < run_since(KEYS[2], run, now) + tonumber(ARGV[5]) then
  return { 'refused', 'hold', ARGV[3] }
end
local epoch = not is_handed_in(prefix, index) and put_route(KEYS[1], ARGV[1], ARGV[2], ARGV[4], '0')
if not epoch then
  return { 'refused', 'conflict', '' }
end
return { 'ok', epoch }
