-- Keeps the final state of a client's task. The first one counts; a task that is gone stays gone.
-- KEYS[1] task, KEYS[2] uids of tasks that are not final
-- ARGV[1] outcome JSON, ARGV[2] uid
-- Returns {'ok'}
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSETNX', KEYS[1], 'outcome', ARGV[1])
end
redis.call('ZREM', KEYS[2], ARGV[2])
return { 'ok' }
