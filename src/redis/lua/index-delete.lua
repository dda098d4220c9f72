-- Takes an index out of the registry, with its routes. Its epoch stays and is raised, so that nobody who has seen it
-- ever sees a lower one, not even when the index is created again (I5). Refused while it has a move, begun or not, and
-- while a broadcast of its settings is under way; of these only the version stays.
-- Until whoever deletes has told the nodes, or its time is over, nobody creates an index of this name: a node's deletion
-- that comes later would take along what has been written since.
-- KEYS[1] index registry, KEYS[2] routing table, KEYS[3] audit stream, KEYS[4] set of unfinished moves
-- KEYS[5] mark of the deletion, KEYS[6] sightings of the index: one of that name that comes after it is another one,
-- KEYS[7] what is in doubt in the index, KEYS[8] settings, KEYS[9] how far the nodes' task lists of it were looked at
-- ARGV[1] index uid, ARGV[2] audit length, ARGV[3] prefix of moves, ARGV[4] time of the mark (ms),
-- ARGV[5] prefix of the index's tombstones (all of one hash slot)
-- Returns {'ok', epoch} or {'refused', 'missing' | 'conflict' | 'broadcast', move}
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return { 'refused', 'missing', '' }
end
for _, id in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  local move = redis.call('HGET', ARGV[3] .. id, 'move')
  if move and cjson.decode(move).index == ARGV[1] then
    return { 'refused', 'conflict', id }
  end
end
if redis.call('HEXISTS', KEYS[8], 'broadcast') == 1 then
  return { 'refused', 'broadcast', '' }
end
local fields = redis.call('HGETALL', KEYS[2])
local routes = {}
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 's:' then
    local route = cjson.decode(fields[i + 1])
    if route.state ~= 'stable' then
      return { 'refused', 'conflict', route.moveId or '' }
    end
    table.insert(routes, fields[i])
  end
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[6], KEYS[7], KEYS[9])
for _, field in ipairs(routes) do
  redis.call('HDEL', KEYS[2], field)
  redis.call('DEL', ARGV[5] .. string.sub(field, 3))
end
local version = redis.call('HGET', KEYS[8], 'version')
redis.call('DEL', KEYS[8])
if version then
  redis.call('HSET', KEYS[8], 'version', version)
end
local epoch = string.format('%.0f', redis.call('HINCRBY', KEYS[2], 'epoch', 1))
redis.call('SET', KEYS[5], epoch, 'PX', ARGV[4])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'what', 'index', 'index', ARGV[1], 'why', 'delete')
return { 'ok', epoch }
