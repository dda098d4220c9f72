-- Takes entries off what one owner missed, each only with the score that it was read with: one that was missed again since
-- stays. The list's name goes with its last entry.
-- KEYS[1] set of the index's repair lists, KEYS[2] the list
-- ARGV[1] the list's name in KEYS[1], then score, id, ...
-- Returns {'ok', entries taken off}
-- @include chunks
local ids, scores = {}, {}
for i = 2, #ARGV, 2 do
  scores[#scores + 1] = ARGV[i]
  ids[#ids + 1] = ARGV[i + 1]
end
local cleared = 0
in_chunks(ids, function(from, to)
  local known = redis.call('ZMSCORE', KEYS[2], unpack(ids, from, to))
  local gone = {}
  for i = from, to do
    local score = known[i - from + 1]
    if score and tonumber(score) == tonumber(scores[i]) then
      gone[#gone + 1] = ids[i]
    end
  end
  if #gone > 0 then
    cleared = cleared + redis.call('ZREM', KEYS[2], unpack(gone))
  end
end)
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('SREM', KEYS[1], ARGV[1])
end
return { 'ok', string.format('%.0f', cleared) }
