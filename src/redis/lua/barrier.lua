-- Whether every live router has acknowledged an epoch of an index for one shard: a router that is late with another
-- shard holds up only that one. After a change of the Redis run id nothing passes until routers had the time to
-- register again. An entry without an acknowledgement blocks: who has registered may have read the table already.
-- KEYS[1] router registry (hash: id -> JSON {untilMs, acks: {index: {epoch, late: {shard: epoch}}}}),
-- KEYS[2] hash of the run seen last
-- ARGV[1] index, ARGV[2] shard, ARGV[3] epoch, ARGV[4] wait after a change of run id, ms, ARGV[5] how much longer every
-- entry has to live, ms
-- Returns {'open', live routers} or {'wait', reason, ms}
-- @include run-since
local info = redis.call('INFO', 'server')
local now = math.floor(tonumber(string.match(info, 'server_time_usec:(%d+)')) / 1000)
local run = string.match(info, 'run_id:(%x+)')
local rest = run_since(KEYS[2], run, string.format('%.0f', now)) + tonumber(ARGV[4]) - now
if rest > 0 then
  return { 'wait', 'redis_restarted', string.format('%.0f', rest) }
end
local epoch = tonumber(ARGV[3])
local live = 0
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local router = cjson.decode(entries[i + 1])
  if router.untilMs > now then
    live = live + 1
    local ack = router.acks and router.acks[ARGV[1]]
    local late = ack and ack.late and ack.late[ARGV[2]]
    if not ack or ack.epoch < epoch or (late and late < epoch) then
      return { 'wait', 'router ' .. entries[i], '100' }
    end
    if router.untilMs - now < tonumber(ARGV[5]) then
      return { 'wait', 'silent router ' .. entries[i], '100' }
    end
  end
end
return { 'open', string.format('%.0f', live) }
