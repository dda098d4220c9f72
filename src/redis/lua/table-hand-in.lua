-- Takes the table that a router has served by, where it is newer than the one that Redis shows and any handed in before:
-- Redis has lost writes. It stays until the planner has restored its owners.
-- KEYS[1] routing table, KEYS[2] tables handed in (index -> JSON {epoch, shards: [{owners}]}), KEYS[3] hash of the run
-- ARGV[1] index, ARGV[2] epoch, ARGV[3] table, JSON that begins with the epoch
-- Returns {'ok', 'known' | 'taken'}
local shown = redis.call('HGET', KEYS[1], 'epoch')
if not shown or tonumber(ARGV[2]) <= tonumber(shown) then
  return { 'ok', 'known' }
end
local before = redis.call('HGET', KEYS[2], ARGV[1])
if before and tonumber(string.match(before, '^{"epoch":(%d+)')) >= tonumber(ARGV[2]) then
  return { 'ok', 'known' }
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[3], 'lost', '1')
return { 'ok', 'taken' }
