-- Ends the turns whose registration is gone, and what waits and is not asked for any more.
-- KEYS, ARGV[1..3] as turns say
-- Returns {'ok', turns ended that had been taken}
-- @include clock
-- @include router
-- @include chunks
-- @include repair
-- @include turns
for _, number in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  evict(number)
end
return { 'ok', ended }
