-- Lists ids that owners of a shard missed.
-- KEYS[1] set of the index's repair lists
-- ARGV[1] shard, ARGV[2] the shard's repair lists without the owner (all of one hash slot), ARGV[3] owners, JSON array,
-- ARGV[4] ids, JSON array, or '*' for the whole shard, ARGV[5] '1' = of a write that nobody was told is written,
-- ARGV[6] when they were missed (us), '' = now
-- Returns {'ok'}
-- @include clock
-- @include chunks
-- @include repair
local ids
if ARGV[4] ~= '*' then
  ids = cjson.decode(ARGV[4])
end
local at = ARGV[6] == '' and now_us or ARGV[6]
list_missed(ARGV[2], KEYS[1], ARGV[1], cjson.decode(ARGV[3]), ids, at, ARGV[5] == '1')
return { 'ok' }
