-- Renews a router's entry, stores what it acknowledges, and takes out the entries that are over. An entry that is gone,
-- over, or of another Redis run is not revived: others may have gone on without that router (R1).
-- KEYS[1] router registry, KEYS[2] index registry
-- ARGV[1] registration, ARGV[2] life of an entry, ms, ARGV[3] prefix of routing tables (all of one hash slot),
-- ARGV[4] acknowledgements, JSON {index: {epoch, late}}
-- Returns {'ok', run id, time (us), index, epoch, ...} or {'gone'}
-- @include clock
-- @include router
-- @include registry
local entries = redis.call('HGETALL', KEYS[1])
local own
for i = 1, #entries, 2 do
  if ends_at(entries[i + 1]) <= tonumber(now) then
    redis.call('HDEL', KEYS[1], entries[i])
  elseif entries[i] == ARGV[1] then
    own = cjson.decode(entries[i + 1])
  end
end
if not own or own.run ~= run then
  return { 'gone' }
end
enter(KEYS[1], ARGV[1], ARGV[2], own.name, ARGV[4])
return confirmation(KEYS[2], ARGV[3])
