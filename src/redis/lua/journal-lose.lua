-- Drops ids whose last write no owner has any more, where an operator has accepted that, and notes them in the move's
-- record in the same call: whoever comes again finds nothing to drop, and counts nothing twice.
-- KEYS[1] lease, KEYS[2] journal, KEYS[3] move hash
-- ARGV[1] fence, ARGV[2] ids, JSON array, ARGV[3] ids that the record names at most
-- Returns {'ok', ids dropped} or {'refused', 'wish' | ..., detail}
-- @include fence
-- @include changed
if redis.call('HGET', KEYS[3], 'wish') ~= 'accept-loss' then
  return refused('wish', '')
end
local named = cjson.decode(redis.call('HGET', KEYS[3], 'lostIds') or '[]')
local lost = 0
for _, id in ipairs(cjson.decode(ARGV[2])) do
  if redis.call('ZREM', KEYS[2], id) == 1 then
    lost = lost + 1
    if #named < tonumber(ARGV[3]) then
      named[#named + 1] = id
    end
  end
end
if lost > 0 then
  note_change(KEYS[3])
  redis.call('HINCRBY', KEYS[3], 'lost', lost)
  redis.call('HSET', KEYS[3], 'lostIds', cjson.encode(named))
end
return { 'ok', lost }
