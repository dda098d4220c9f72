-- Registers an index with its first routes, computed from the topology of the given version.
-- KEYS[1] topology hash, KEYS[2] index registry, KEYS[3] routing table, KEYS[4] audit stream
-- KEYS[5] mark of a deletion that the nodes are still to be told of, KEYS[6] what is in doubt in the index
-- ARGV[1] expected topology version, ARGV[2] index uid, ARGV[3] entry JSON, ARGV[4] audit length, ARGV[5..] route JSON by shard
-- Returns {'ok', epoch} or {'refused', 'conflict' | 'exists', detail}; `conflict` also while the index is being deleted
-- @include clock
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then
  return { 'refused', 'conflict', version }
end
local deleting = redis.call('GET', KEYS[5])
if deleting then
  return { 'refused', 'conflict', 'deleted at epoch ' .. deleting }
end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then
  return { 'refused', 'exists', redis.call('HGET', KEYS[2], ARGV[2]) }
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
-- A deleted index of this name has left its epoch: what has been seen never gets lower (I5).
local epoch = string.format('%.0f', redis.call('HINCRBY', KEYS[3], 'epoch', 1))
redis.call('HSET', KEYS[3], 'v', '1')
-- Every delete from now on has its tombstone.
redis.call('DEL', KEYS[6])
for i = 5, #ARGV do
  redis.call('HSET', KEYS[6], 'settled:' .. (i - 5), now)
  redis.call('HSET', KEYS[3], 's:' .. (i - 5), (string.gsub(ARGV[i], '^{"epoch":%d+', '{"epoch":' .. epoch)))
end
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[4], '*', 'what', 'index', 'index', ARGV[2], 'why', 'create')
return { 'ok', epoch }
