-- Removes what was carried over, where it was not written again since it was taken: the attempt is still the one taken.
-- Nothing where entries were taken again since: then this comes late.
-- KEYS[1] lease, KEYS[2] journal, KEYS[3] ranges, KEYS[4] move hash
-- ARGV[1] fence, ARGV[2] ids, JSON array, ARGV[3] attempt of each, JSON array, ARGV[4] and ARGV[5] the same for ranges,
-- ARGV[6] number of the taking
-- Returns {'ok', entries removed} or {'refused', ...}
-- @include fence
-- @include chunks
if redis.call('HGET', KEYS[4], 'takings') ~= ARGV[6] then
  return { 'ok', 0 }
end
local removed = 0
local function clear(key, entries, attempts)
  in_chunks(entries, function(from, to)
    local scores = redis.call('ZMSCORE', key, unpack(entries, from, to))
    local same = {}
    for i = from, to do
      local score = scores[i - from + 1]
      if score and tonumber(score) == attempts[i] then
        same[#same + 1] = entries[i]
      end
    end
    if #same > 0 then
      removed = removed + redis.call('ZREM', key, unpack(same))
    end
  end)
end
clear(KEYS[2], cjson.decode(ARGV[2]), cjson.decode(ARGV[3]))
clear(KEYS[3], cjson.decode(ARGV[4]), cjson.decode(ARGV[5]))
return { 'ok', removed }
