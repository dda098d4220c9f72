-- Puts a hold that is over back to `tracking`: the one change without a fence, so that a dead mover holds nobody.
-- KEYS[1] routing table
-- ARGV[1] shard, ARGV[2] expected route, ARGV[3] its end (ms), ARGV[4] new route without epoch
-- Returns {'ok', epoch} or {'refused', 'conflict' | 'hold', ...}
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
-- @include run
-- @include route
if tonumber(now) <= tonumber(ARGV[3]) then
  return { 'refused', 'hold', ARGV[3] }
end
local epoch = write_route(KEYS[1], ARGV[1], ARGV[2], ARGV[4], '0')
if not epoch then
  return { 'refused', 'conflict', '' }
end
return { 'ok', epoch }
