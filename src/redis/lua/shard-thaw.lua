-- Lets movers act on a frozen shard again, by a compare on its route: an operator's word, so that anybody may run it.
-- KEYS[1] routing table, KEYS[2] audit stream
-- ARGV[1] shard, ARGV[2] expected route, ARGV[3] new route without epoch, ARGV[4] audit length, ARGV[5] index
-- Returns {'ok', epoch} or {'refused', 'conflict', ''}
-- @include clock
-- @include run
-- @include route
local epoch = write_route(KEYS[1], ARGV[1], ARGV[2], ARGV[3], '0')
if not epoch then
  return { 'refused', 'conflict', '' }
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'what', 'thawed', 'index', ARGV[5], 'shard', ARGV[1], 'epoch', epoch)
return { 'ok', epoch }
