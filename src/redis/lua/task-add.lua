-- Keeps a client's task under the next uid; the oldest go, by number and by age.
-- KEYS[1] counter, KEYS[2] uids of all tasks, KEYS[3] uids of the index's tasks,
-- KEYS[4] uids of tasks that are not final
-- ARGV[1] key of a task without its uid (all of one hash slot), ARGV[2] task JSON, ARGV[3] most tasks, ARGV[4] age, s
-- Returns {'ok', uid}
-- @include trim-tasks
local uid = string.format('%.0f', redis.call('INCR', KEYS[1]) - 1)
redis.call('HSET', ARGV[1] .. uid, 'task', ARGV[2])
redis.call('EXPIRE', ARGV[1] .. uid, ARGV[4])
redis.call('ZADD', KEYS[2], uid, uid)
redis.call('ZADD', KEYS[3], uid, uid)
redis.call('EXPIRE', KEYS[3], ARGV[4])
redis.call('ZADD', KEYS[4], uid, uid)
redis.call('EXPIRE', KEYS[4], ARGV[4])
trim_tasks(KEYS[2], ARGV[1], tonumber(ARGV[3]))
local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
for at = 3, 4 do
  redis.call('ZREMRANGEBYSCORE', KEYS[at], '-inf', '(' .. (oldest or '+inf'))
end
return { 'ok', uid }
