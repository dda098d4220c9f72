-- Ends a turn; its ids go on the lists of the owners that did not answer. Refused to a holder whose turn somebody else has
-- ended, who has listed them for every owner, and to one whose registration is gone: nobody waited for it since then, owners
-- may be others by now, so they are listed for every owner here.
-- KEYS, ARGV[1..3] as turns say; KEYS[7] the shard's tombstones, KEYS[8] what is in doubt in the index
-- ARGV[4] registration, ARGV[5] number, ARGV[6] owners that missed it, JSON array, ARGV[7] when it deleted them, ms, or '',
-- ARGV[8] most tombstones of a shard, ARGV[9] of its ids those that can have been missed, JSON array, or '' for all
-- Returns {'ok'} or {'lost'}
-- @include clock
-- @include router
-- @include chunks
-- @include repair
-- @include turns
-- @include tombstones
local text = redis.call('HGET', KEYS[1], ARGV[5])
local turn = text and cjson.decode(text)
if not turn or turn.registration ~= ARGV[4] or redis.call('ZSCORE', KEYS[4], ARGV[5]) then
  return { 'lost' }
end
if not lives(KEYS[5], ARGV[4]) then
  evict(ARGV[5])
  return { 'lost' }
end
-- Where none answered nobody is told that it is written.
local missed = cjson.decode(ARGV[6])
local ids = ids_of(ARGV[5])
if ARGV[9] ~= '' then
  ids = cjson.decode(ARGV[9])
end
list_missed(ARGV[2], KEYS[6], ARGV[1], missed, ids, now_us, #missed == #turn.owners)
if ARGV[7] ~= '' then
  keep_tombstones(KEYS[7], KEYS[8], ARGV[1], ids_of(ARGV[5]), ARGV[7], tonumber(ARGV[8]))
end
drop(ARGV[5], turn)
return { 'ok' }
