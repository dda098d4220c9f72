-- Which shards anti-entropy compares now: what the pass that goes on has left, else, when one is due, those of a new one,
-- that which was compared longest ago first.
-- KEYS[1] the pass, KEYS[2] shards it has left, KEYS[3] when each was compared last, KEYS[4] passes that are over
-- ARGV[1] from one start to the next, ms, ARGV[2] most shards of a pass, 0 for all, ARGV[3..] the shards there are
-- Returns {'ok', shard, ...}
-- @include clock
-- @include pass
local exists = {}
for i = 3, #ARGV do
  exists[ARGV[i]] = true
end
-- Shards of an index that is gone, or that have one owner by now.
for _, task in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if not exists[task] then
    redis.call('SREM', KEYS[2], task)
  end
end
for _, task in ipairs(redis.call('HKEYS', KEYS[3])) do
  if not exists[task] then
    redis.call('HDEL', KEYS[3], task)
  end
end
local pass = redis.call('HMGET', KEYS[1], 'started_at', 'open', 'wish')
if pass[2] and redis.call('SCARD', KEYS[2]) == 0 then
  close_pass()
  pass[2] = false
end
if pass[2] then
  local left = redis.call('SMEMBERS', KEYS[2])
  table.insert(left, 1, 'ok')
  return left
end
local is_due = not pass[1] or pass[3] or tonumber(pass[1]) + tonumber(ARGV[1]) <= tonumber(now)
if #ARGV < 3 or not is_due then
  return { 'ok' }
end
local tasks = {}
for i = 3, #ARGV do
  tasks[#tasks + 1] = { ARGV[i], tonumber(redis.call('HGET', KEYS[3], ARGV[i]) or '0'), i }
end
table.sort(tasks, function(a, b)
  if a[2] ~= b[2] then
    return a[2] < b[2]
  end
  return a[3] < b[3]
end)
local most = tonumber(ARGV[2])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'started_at', now, 'open', '1')
local out = { 'ok' }
for i, task in ipairs(tasks) do
  if most > 0 and i > most then
    break
  end
  out[#out + 1] = task[1]
  redis.call('SADD', KEYS[2], task[1])
end
return out
