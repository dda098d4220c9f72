-- Drops repair lists of nodes that are gone: nobody asks their copies any more. One that is in the topology again keeps its own.
-- KEYS[1] planner lease, KEYS[2] topology hash, KEYS[3] set of the index's repair lists
-- ARGV[1] fence, ARGV[2] what all lists' keys of the index begin with, then shard, node, ...
-- Returns {'ok', lists dropped} or {'refused', ...}
-- @include fence
local dropped = 0
for i = 3, #ARGV, 2 do
  local node = redis.call('HGET', KEYS[2], 'node:' .. ARGV[i + 1])
  if not node or cjson.decode(node).state == 'removed' then
    local name = ARGV[i] .. ':' .. ARGV[i + 1]
    redis.call('DEL', ARGV[2] .. name)
    dropped = dropped + redis.call('SREM', KEYS[3], name)
  end
end
return { 'ok', string.format('%.0f', dropped) }
