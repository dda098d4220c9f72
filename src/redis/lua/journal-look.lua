-- Which of these ids still wait to be carried over: only while the shard is `settling` in this very move (R4).
-- KEYS[1] routing table, KEYS[2] journal
-- ARGV[1] shard, ARGV[2] move id, ARGV[3] ids, JSON array
-- Returns {'ok', id, ...} or {'again', 'state'}
-- @include shard-state
-- @include chunks
if not stands(KEYS[1], ARGV[1], 'settling', ARGV[2]) then
  return { 'again', 'state' }
end
local ids, out = cjson.decode(ARGV[3]), { 'ok' }
in_chunks(ids, function(from, to)
  local known = redis.call('ZMSCORE', KEYS[2], unpack(ids, from, to))
  for i = from, to do
    if known[i - from + 1] then
      out[#out + 1] = ids[i]
    end
  end
end)
return out
