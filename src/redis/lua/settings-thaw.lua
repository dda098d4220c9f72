-- Lets clients write to an index again whose nodes could not be brought to the same settings.
-- KEYS[1] settings, KEYS[2] routing table, KEYS[3] audit stream
-- ARGV[1] index, ARGV[2] audit length
-- Returns {'ok', whether they were refused}
-- @include tell
local was = redis.call('HDEL', KEYS[1], 'frozen')
if was == 1 then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'what', 'settings', 'index', ARGV[1], 'why', 'thaw')
  tell(KEYS[2])
end
return { 'ok', was }
