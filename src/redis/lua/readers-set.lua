-- Changes who is read for shards, under the planner's fence, each shard by a compare on its route; one that has changed stays
-- as it is. Owners stay as they are.
-- KEYS[1] planner lease, KEYS[2] routing table, KEYS[3] audit stream
-- ARGV[1] fence, ARGV[2] audit length, ARGV[3] index, then three for each shard: its number, expected route, new route
-- without epoch
-- Returns {'ok', shards changed} or {'refused', ...}
-- @include fence
-- @include run
-- @include route
local changed, epoch = 0, ''
for i = 4, #ARGV, 3 do
  local written = write_route(KEYS[2], ARGV[i], ARGV[i + 1], ARGV[i + 2], '0')
  if written then
    changed = changed + 1
    epoch = written
  end
end
if changed > 0 then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'what', 'readers', 'index', ARGV[3],
    'shards', string.format('%.0f', changed), 'epoch', epoch, 'fence', ARGV[1])
end
return { 'ok', string.format('%.0f', changed) }
