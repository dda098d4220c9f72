-- Registers an index with its first routes, computed from the topology of the given version. Not while one of that name is
-- deleted: a node that is told later would take along what is written from now on. A node that failed is not waited for;
-- it owns nothing, and a move that brings a shard there clears the shard and sets the settings first.
-- KEYS[1] topology hash, KEYS[2] index registry, KEYS[3] routing table, KEYS[4] audit stream, KEYS[5] deletions by index,
-- KEYS[6] what is in doubt in the index, KEYS[7] its sightings, KEYS[8] its task marks, KEYS[9] set of its repair lists
-- ARGV[1] expected topology version, ARGV[2] index uid, ARGV[3] entry JSON, ARGV[4] audit length, ARGV[5] epoch that the
-- name had before its nodes were prepared (a deletion since then has raised it), ARGV[6..8] prefixes of its repair lists,
-- tombstones and turns (all of one hash slot), ARGV[9..] route JSON by shard
-- Returns {'ok', epoch} or {'refused', 'conflict' | 'exists', detail}
-- @include clock
-- @include run
-- @include forget-index
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then
  return { 'refused', 'conflict', version }
end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then
  return { 'refused', 'exists', redis.call('HGET', KEYS[2], ARGV[2]) }
end
if not may_route(string.match(KEYS[3], '^(.-):routing:'), ARGV[2]) then
  return { 'refused', 'conflict', 'no planner has taken up this run of Redis' }
end
local text = redis.call('HGET', KEYS[5], ARGV[2])
local deletion = text and cjson.decode(text)
if deletion and tonumber(now) < deletion.untilMs then
  return { 'refused', 'conflict', 'its deletion is under way' }
end
for _, id in ipairs(deletion and deletion.nodes or {}) do
  local node = redis.call('HGET', KEYS[1], 'node:' .. id)
  local state = node and cjson.decode(node).state or 'removed'
  if state ~= 'failed' and state ~= 'removed' then
    return { 'refused', 'conflict', 'node ' .. id .. ' has not been told of its deletion' }
  end
end
if (redis.call('HGET', KEYS[3], 'epoch') or '0') ~= ARGV[5] then
  return { 'refused', 'conflict', 'deleted since' }
end
redis.call('HDEL', KEYS[5], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
-- A deleted index of this name has left its epoch: what has been seen never gets lower (I5).
local epoch = string.format('%.0f', redis.call('HINCRBY', KEYS[3], 'epoch', 1))
redis.call('HSET', KEYS[3], 'v', '1')
-- Nothing of that one is this one's, not even what its last routers have left behind since it was deleted.
forget_index({ KEYS[6], KEYS[7], KEYS[8] }, KEYS[9], { ARGV[6], ARGV[7], ARGV[8] }, #ARGV - 8)
-- Every delete from now on has its tombstone.
for i = 9, #ARGV do
  redis.call('HSET', KEYS[6], 'settled:' .. (i - 9), now)
  redis.call('HSET', KEYS[3], 's:' .. (i - 9), (string.gsub(ARGV[i], '^{"epoch":%d+', '{"epoch":' .. epoch)))
end
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[4], '*', 'what', 'index', 'index', ARGV[2], 'why', 'create')
return { 'ok', epoch }
