-- Notes ids before their write is sent (R3): only while the shard is `tracking` in this very move and the registration
-- counts, so that no write goes past a journal that is read for the last time. Ids over the bound go in as ranges of
-- slots, too many ranges as the whole shard: what is noted gets wider, never less.
-- KEYS[1] routing table, KEYS[2] move hash, KEYS[3] journal (id -> newest attempt), KEYS[4] ranges (`~<bucket>` or `*` ->
-- newest attempt), KEYS[5] open attempts (`<try>:<registration>` -> attempt), KEYS[6] router registry
-- ARGV[1] shard, ARGV[2] move id, ARGV[3] registration, ARGV[4] most ids, ARGV[5] most ranges, ARGV[6] ids, JSON array,
-- ARGV[7] bucket of each id, JSON array, ARGV[8] try
-- Returns {'ok', attempt} or {'again', 'state' | 'registration'}
-- @include clock
-- @include router
-- @include shard-state
-- @include attempt
-- @include chunks
if not stands(KEYS[1], ARGV[1], 'tracking', ARGV[2]) then
  return { 'again', 'state' }
end
if not lives(KEYS[6], ARGV[3]) then
  return { 'again', 'registration' }
end
local attempt = next_attempt(KEYS[2])
local function note(ids)
  in_chunks(ids, function(from, to)
    local args = {}
    for i = from, to do
      args[#args + 1] = attempt
      args[#args + 1] = ids[i]
    end
    redis.call('ZADD', KEYS[3], unpack(args))
  end)
end
local function widen(bucket)
  local range = '~' .. bucket
  if redis.call('ZSCORE', KEYS[4], '*') then
    range = '*'
  elseif redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[5]) and not redis.call('ZSCORE', KEYS[4], range) then
    -- Covers every range there is, by a newer attempt than any of them.
    redis.call('DEL', KEYS[4])
    range = '*'
  end
  redis.call('ZADD', KEYS[4], attempt, range)
end
local ids = cjson.decode(ARGV[6])
local room = tonumber(ARGV[4]) - redis.call('ZCARD', KEYS[3])
if #ids <= room then
  note(ids)
else
  local buckets = cjson.decode(ARGV[7])
  local noted, wider = {}, {}
  in_chunks(ids, function(from, to)
    local known = redis.call('ZMSCORE', KEYS[3], unpack(ids, from, to))
    for i = from, to do
      if known[i - from + 1] then
        noted[#noted + 1] = ids[i]
      elseif room > 0 then
        room = room - 1
        noted[#noted + 1] = ids[i]
      else
        wider[buckets[i]] = true
      end
    end
  end)
  note(noted)
  for bucket in pairs(wider) do
    widen(string.format('%.0f', bucket))
  end
end
redis.call('ZADD', KEYS[5], attempt, ARGV[8] .. ':' .. ARGV[3])
return { 'ok', attempt }
