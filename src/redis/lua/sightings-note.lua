-- Remembers what nodes had of an index when they were looked at, under the planner's fence, each node by a compare with what
-- was remembered of it before: of two looks that cross the first one counts.
-- KEYS[1] planner lease, KEYS[2] sightings of the index
-- ARGV[1] fence, then three for each node: its id, expected text ('' = none), new text ('' = forget it)
-- Returns {'ok', nodes changed} or {'refused', ...}
-- @include fence
local changed = 0
for i = 2, #ARGV, 3 do
  if (redis.call('HGET', KEYS[2], ARGV[i]) or '') == ARGV[i + 1] then
    if ARGV[i + 2] == '' then
      redis.call('HDEL', KEYS[2], ARGV[i])
    else
      redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
    end
    changed = changed + 1
  end
end
return { 'ok', string.format('%.0f', changed) }
