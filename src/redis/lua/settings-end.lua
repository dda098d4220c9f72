-- Ends a broadcast and its client's task in one: with a commit the version is raised by one, which cannot happen twice,
-- since the broadcast is gone with it. Nodes that were looked at get the version that they are at; those of former
-- owners are forgotten, since whoever joins is given the present settings.
-- KEYS[1] lease, KEYS[2] settings, KEYS[3] routing table, KEYS[4] client's task, KEYS[5] tasks that are not final,
-- KEYS[6] audit stream
-- ARGV[1] fence, ARGV[2] broadcast id, ARGV[3] settings JSON ('' = nothing new is desired), ARGV[4] fingerprint,
-- ARGV[5] why writes are frozen ('' = they are not because of this), ARGV[6] verified nodes, JSON array, ARGV[7] the
-- other nodes, JSON array, ARGV[8] task uid ('' = none), ARGV[9] outcome JSON, ARGV[10] audit length, ARGV[11] index
-- Returns {'ok', version} or {'refused', ...}
-- @include fence
-- @include tell
if redis.call('HGET', KEYS[2], 'broadcastId') ~= ARGV[2] then
  return refused('broadcast', '')
end
local before = redis.call('HGET', KEYS[2], 'version') or '0'
local version = before
if ARGV[3] ~= '' then
  version = string.format('%.0f', redis.call('HINCRBY', KEYS[2], 'version', 1))
  redis.call('HSET', KEYS[2], 'settings', ARGV[3], 'fingerprint', ARGV[4])
  redis.call('HDEL', KEYS[2], 'frozen')
end
local known = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(field, 1, 5) == 'node:' then
    known[field] = redis.call('HGET', KEYS[2], field)
    redis.call('HDEL', KEYS[2], field)
  end
end
for _, node in ipairs(cjson.decode(ARGV[6])) do
  redis.call('HSET', KEYS[2], 'node:' .. node, version .. ':' .. now)
end
for _, node in ipairs(cjson.decode(ARGV[7])) do
  local stays = ARGV[3] ~= '' and (known['node:' .. node] or (before .. ':' .. now)) or ('0:' .. now)
  redis.call('HSET', KEYS[2], 'node:' .. node, stays)
end
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[2], 'frozen', ARGV[5])
end
redis.call('HDEL', KEYS[2], 'broadcast', 'broadcastId')
if ARGV[8] ~= '' then
  if redis.call('EXISTS', KEYS[4]) == 1 then
    redis.call('HSETNX', KEYS[4], 'outcome', ARGV[9])
  end
  redis.call('ZREM', KEYS[5], ARGV[8])
end
redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[10], '*', 'what', 'settings', 'index', ARGV[11], 'version', version,
  'why', ARGV[5] ~= '' and 'frozen' or (ARGV[3] ~= '' and 'commit' or 'abort'), 'fence', ARGV[1])
tell(KEYS[3])
return { 'ok', version }
