-- What is known of deletes of some ids of a shard. Before this run of Redis is taken up, or while a newer table of the index
-- is handed in, what Redis shows may be older than what was done: then everything is in doubt.
-- KEYS[1] what is in doubt in the index, KEYS[2] the shard's tombstones
-- ARGV[1] index, ARGV[2] shard, ARGV[3..] ids
-- Returns {'ok', doubt up to (ms, 'inf' for all), writes lost up to (the same), time of each id's delete (ms) or '', ...}
-- @include run
-- @include chunks
local marks = redis.call('HMGET', KEYS[1], 'settled:' .. ARGV[2], 'doubt:' .. ARGV[2], 'lost:' .. ARGV[2])
local is_shown_whole = may_route(string.match(KEYS[1], '^(.-):doubt:'), ARGV[1])
-- Without `settled`: an index from before there were tombstones, until its shard was once found equal.
local doubt = is_shown_whole and marks[1] and (marks[2] or '-1') or 'inf'
local out = { 'ok', doubt, is_shown_whole and (marks[3] or '-1') or 'inf' }
local ids = {}
for i = 3, #ARGV do
  ids[#ids + 1] = ARGV[i]
end
in_chunks(ids, function(from, to)
  for _, at in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(ids, from, to))) do
    out[#out + 1] = at or ''
  end
end)
return out
