-- Says which moves' records have changed since: whoever keeps what it has read reads these again. Another run of Redis may
-- have forgotten changes: nothing that was kept holds then.
-- KEYS[1] number of changes so far, KEYS[2] moves by the number of their last change
-- ARGV[1] number of changes that are known
-- Returns {'ok', run id, number of changes, move, ...}
-- @include clock
local out = { 'ok', run, redis.call('GET', KEYS[1]) or '0' }
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf')) do
  table.insert(out, id)
end
return out
