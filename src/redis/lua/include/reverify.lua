-- Counts that are no longer open wait for a full verify; one of them stands for all. It is the one that ended last, so
-- that no verify begun before can close it.
local function end_count(reverify, attempt)
  local counts = redis.call('HGETALL', reverify)
  for i = 1, #counts, 2 do
    if counts[i + 1] == '' then
      redis.call('HDEL', reverify, counts[i])
    end
  end
  redis.call('HSET', reverify, attempt, '')
end
