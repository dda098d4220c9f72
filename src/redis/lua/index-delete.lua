-- Takes an index out of the registry, with its routes. Its epoch stays and is raised, so that nobody who has seen it
-- ever sees a lower one, not even when the index is created again (I5). Refused while it has a move, begun or not, and
-- while a broadcast of its settings is under way; of these only the version stays.
-- What is left to do is recorded: every node of the topology is to be told, since a former owner may have an old copy.
-- Until the given time only the one who deletes tells them, then the reconcilers do.
-- KEYS[1] index registry, KEYS[2] routing table, KEYS[3] audit stream, KEYS[4] set of unfinished moves
-- KEYS[5] deletions by index, KEYS[6] sightings of the index: one of that name that comes after it is another one
-- KEYS[7] topology hash, KEYS[8] settings, KEYS[9] how far the nodes' task lists of it were looked at
-- KEYS[10] what is in doubt in the index, KEYS[11] set of its repair lists
-- ARGV[1] index uid, ARGV[2] audit length, ARGV[3] prefix of moves, ARGV[4] time of the one who deletes (ms),
-- ARGV[5..7] prefixes of the index's repair lists, tombstones and turns (all of one hash slot)
-- Returns {'ok', deletion JSON} or {'refused', 'missing' | 'conflict' | 'broadcast', move}
-- @include clock
-- @include run
-- @include forget-index
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return { 'refused', 'missing', '' }
end
if not may_route(string.match(KEYS[2], '^(.-):routing:'), ARGV[1]) then
  return { 'refused', 'conflict', 'no planner has taken up this run of Redis' }
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
forget_index({ KEYS[6], KEYS[9], KEYS[10] }, KEYS[11], { ARGV[5], ARGV[6], ARGV[7] }, #routes)
for _, field in ipairs(routes) do
  redis.call('HDEL', KEYS[2], field)
end
local version = redis.call('HGET', KEYS[8], 'version')
redis.call('DEL', KEYS[8])
if version then
  redis.call('HSET', KEYS[8], 'version', version)
end
local deletion = {
  v = 1,
  epoch = redis.call('HINCRBY', KEYS[2], 'epoch', 1),
  untilMs = tonumber(now) + tonumber(ARGV[4]),
  nodes = {},
}
local topology = redis.call('HGETALL', KEYS[7])
for i = 1, #topology, 2 do
  local id = string.match(topology[i], '^node:(.+)$')
  if id and cjson.decode(topology[i + 1]).state ~= 'removed' then
    table.insert(deletion.nodes, id)
  end
end
local text = cjson.encode(deletion)
if #deletion.nodes > 0 then
  redis.call('HSET', KEYS[5], ARGV[1], text)
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'what', 'index', 'index', ARGV[1], 'why', 'delete')
return { 'ok', text }
