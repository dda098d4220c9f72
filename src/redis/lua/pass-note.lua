-- Notes what came of one shard, once: a shard that the pass has not left is not counted again.
-- KEYS[1] the pass, KEYS[2] shards it has left, KEYS[3] when each was compared last, KEYS[4] passes that are over
-- ARGV[1] shard, ARGV[2..] 1 or 0: scanned, with drift; repairs, documents left, 1 or 0: failed
-- Returns {'ok', 'over' | 'on'}
-- @include clock
-- @include pass
if redis.call('SREM', KEYS[2], ARGV[1]) == 0 then
  return { 'ok', 'on' }
end
redis.call('HINCRBY', KEYS[1], 'shards_scanned', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'shards_with_drift', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'repairs_performed', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'documents_left', ARGV[5])
redis.call('HINCRBY', KEYS[1], 'errors', ARGV[6])
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[3], ARGV[1], now)
end
if redis.call('SCARD', KEYS[2]) > 0 then
  return { 'ok', 'on' }
end
close_pass()
return { 'ok', 'over' }
