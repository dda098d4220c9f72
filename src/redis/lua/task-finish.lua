-- Keeps the final state of a client's task. The first one counts; a task that is gone stays gone.
-- KEYS[1] task
-- ARGV[1] outcome JSON
-- Returns {'ok'}
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSETNX', KEYS[1], 'outcome', ARGV[1])
end
return { 'ok' }
