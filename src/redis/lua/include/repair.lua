-- Lists what owners missed. `prefix` is the list's key without the owner, `lists` the set of lists of the index, `ids`
-- nil for the whole shard. Scores are Redis time in us: a later miss never looks like an earlier one.
-- A list is bounded; a full one becomes `*`, the whole shard.
local REPAIR_MAX = 100000
local function bound_repairs(key, at)
  if redis.call('ZSCORE', key, '*') or redis.call('ZCARD', key) > REPAIR_MAX then
    redis.call('DEL', key)
    redis.call('ZADD', key, at, '*')
  end
end
local function list_missed(prefix, lists, shard, owners, ids, at)
  for _, owner in ipairs(owners) do
    local key = prefix .. owner
    if not ids or redis.call('ZSCORE', key, '*') then
      redis.call('ZADD', key, at, '*')
    else
      in_chunks(ids, function(from, to)
        local args = {}
        for i = from, to do
          args[#args + 1] = at
          args[#args + 1] = ids[i]
        end
        redis.call('ZADD', key, unpack(args))
      end)
    end
    bound_repairs(key, at)
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
