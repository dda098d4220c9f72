-- Lists what owners missed. `prefix` is the list's key without the owner, `lists` the set of lists of the index, `ids`
-- nil for the whole shard. A score is the Redis time (us) of the last miss: a later miss never looks like an earlier one,
-- and the owner with the lowest has the latest of what was acknowledged.
-- `unknown`: a write that nobody was told is written, which any owner may have. It says nothing about who has what was
-- acknowledged: an entry that is there gets one more, a new one a score below those of all misses.
-- A list is bounded; a full one becomes `*`, the whole shard.
local REPAIR_MAX = 100000
local UNKNOWN_BELOW = 1000000000000000
local function miss_score(before, at, unknown)
  if not unknown then
    -- Told late, or the clock was set back: another miss all the same, and not before the one that is there.
    return before and tonumber(before) >= tonumber(at) and string.format('%.0f', tonumber(before) + 1) or at
  end
  return string.format('%.0f', before and tonumber(before) + 1 or tonumber(at) - UNKNOWN_BELOW)
end
local function bound_repairs(key)
  local whole = redis.call('ZSCORE', key, '*')
  local size = redis.call('ZCARD', key)
  if whole and size > 1 or size > REPAIR_MAX then
    local latest = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
    redis.call('DEL', key)
    redis.call('ZADD', key, latest, '*')
  end
end
local function list_missed(prefix, lists, shard, owners, ids, at, unknown)
  for _, owner in ipairs(owners) do
    local key = prefix .. owner
    local whole = redis.call('ZSCORE', key, '*')
    if not ids or whole then
      redis.call('ZADD', key, miss_score(whole, at, unknown), '*')
    else
      in_chunks(ids, function(from, to)
        local known = redis.call('ZMSCORE', key, unpack(ids, from, to))
        local args = {}
        for i = from, to do
          args[#args + 1] = miss_score(known[i - from + 1], at, unknown)
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
