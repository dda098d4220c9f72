-- Which of these ids the journal names, as ids or within a range; and whether any count stands, which may explain every id.
-- KEYS[1] lease, KEYS[2] journal, KEYS[3] ranges, KEYS[4] counts
-- ARGV[1] fence, ARGV[2] ids, JSON array, ARGV[3] bucket of each id, JSON array
-- Returns {'ok', '1' when a count stands, id, ...} or {'refused', ...}
-- @include fence
-- @include chunks
local out = { 'ok', redis.call('EXISTS', KEYS[4]) }
local ids, buckets = cjson.decode(ARGV[2]), cjson.decode(ARGV[3])
local ranged = {}
for _, range in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  ranged[range] = true
end
in_chunks(ids, function(from, to)
  local known = redis.call('ZMSCORE', KEYS[2], unpack(ids, from, to))
  for i = from, to do
    if known[i - from + 1] or ranged['*'] or ranged['~' .. string.format('%.0f', buckets[i])] then
      out[#out + 1] = ids[i]
    end
  end
end)
return out
