-- Takes the oldest clients' tasks out, beyond a number and those whose record has expired; expiry follows their order.
-- `tasks` is the set of uids, `prefix` the key of a task without its uid. At most 1,000 at a time; returns how many.
local function trim_tasks(tasks, prefix, most)
  local over = redis.call('ZCARD', tasks) - most
  for done = 0, 999 do
    local oldest = redis.call('ZRANGE', tasks, 0, 0)[1]
    if not oldest or (done >= over and redis.call('EXISTS', prefix .. oldest) == 1) then
      return done
    end
    redis.call('DEL', prefix .. oldest)
    redis.call('ZREM', tasks, oldest)
  end
  return 1000
end
