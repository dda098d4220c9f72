-- Lists what owners missed. `prefix` is the list's key without the owner, `lists` the set of lists of the index, `ids`
-- nil for the whole shard. A score is the Redis time (us) of the first miss, and one more for each further one: it tells
-- until when a copy was good, and no entry that is missed again looks as it did before.
-- A list is bounded; a full one becomes `*`, the whole shard, missed since its oldest entry.
local REPAIR_MAX = 100000
local function miss_whole(key, at)
  if redis.call('ZADD', key, 'NX', at, '*') == 0 then
    redis.call('ZINCRBY', key, 1, '*')
  end
end
local function bound_repairs(key)
  local whole = redis.call('ZSCORE', key, '*')
  local size = redis.call('ZCARD', key)
  if whole and size > 1 or size > REPAIR_MAX then
    local since = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    redis.call('DEL', key)
    redis.call('ZADD', key, since, '*')
  end
end
local function list_missed(prefix, lists, shard, owners, ids, at)
  for _, owner in ipairs(owners) do
    local key = prefix .. owner
    if not ids or redis.call('ZSCORE', key, '*') then
      miss_whole(key, at)
    else
      in_chunks(ids, function(from, to)
        local known = redis.call('ZMSCORE', key, unpack(ids, from, to))
        local args = {}
        for i = from, to do
          local before = known[i - from + 1]
          args[#args + 1] = before and string.format('%.0f', tonumber(before) + 1) or at
          args[#args + 1] = ids[i]
        end
        redis.call('ZADD', key, unpack(args))
      end)
    end
    bound_repairs(key)
    redis.call('SADD', lists, shard .. ':' .. owner)
  end
end
-- Makes what one owner missed the list of another, whose copy comes from it. What that one missed when it last owned the
-- shard concerned a copy that it has no more.
local function copy_repairs(from, to, lists, name)
  if redis.call('ZUNIONSTORE', to, 1, from) == 0 then
    redis.call('SREM', lists, name)
  else
    redis.call('SADD', lists, name)
  end
end
