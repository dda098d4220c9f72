-- How many clients' tasks are kept now, without those that have expired.
-- KEYS[1] uids of all tasks
-- ARGV[1] key of a task without its uid (all of one hash slot)
-- Returns {'ok', number, '1' when more may have expired}
-- @include trim-tasks
local trimmed = trim_tasks(KEYS[1], ARGV[1], math.huge)
return { 'ok', redis.call('ZCARD', KEYS[1]), trimmed == 1000 and 1 or 0 }
