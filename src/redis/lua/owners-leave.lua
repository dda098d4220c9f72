-- Takes nodes that have failed out of shards, under the planner's fence, each shard by a compare on its route; one that has
-- changed stays as it is. What a node misses of a shard from then on is listed as the whole shard.
-- KEYS[1] planner lease, KEYS[2] routing table, KEYS[3] set of the index's repair lists, KEYS[4] audit stream
-- ARGV[1] fence, ARGV[2] audit length, ARGV[3] index, then five for each shard: its number, expected route, new route
-- without epoch, its repair lists without the owner, the nodes that leave it (comma between)
-- Returns {'ok', shards changed} or {'refused', ...}
-- @include fence
-- @include run
-- @include route
-- @include chunks
-- @include repair
local changed, epoch, who = 0, '', {}
for i = 4, #ARGV, 5 do
  local written = write_route(KEYS[2], ARGV[i], ARGV[i + 1], ARGV[i + 2], '0')
  if written then
    changed = changed + 1
    epoch = written
    local nodes = {}
    for node in string.gmatch(ARGV[i + 4], '[^,]+') do
      nodes[#nodes + 1] = node
      who[node] = true
    end
    list_missed(ARGV[i + 3], KEYS[3], ARGV[i], nodes, nil, now .. '000')
  end
end
if changed > 0 then
  local names = {}
  for node in pairs(who) do
    names[#names + 1] = node
  end
  table.sort(names)
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[2], '*', 'what', 'left', 'index', ARGV[3],
    'nodes', table.concat(names, ','), 'shards', string.format('%.0f', changed), 'epoch', epoch, 'fence', ARGV[1])
end
return { 'ok', string.format('%.0f', changed) }
