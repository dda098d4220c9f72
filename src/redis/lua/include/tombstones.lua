-- What is known of deletes, and what is not. `key` is a shard's tombstones, id -> time, ms; the newest stay. `marks` has
-- times of each shard of an index, ms: `settled:<shard>`, before which nothing that was deleted is left on any replica,
-- `doubt:<shard>`, up to which documents may have been deleted that no tombstone names, and `lost:<shard>`, up to which
-- Redis has lost writes, so that lists of what owners missed may name the wrong one.
local function raise_mark(marks, name, shard, at)
  if tonumber(at) > tonumber(redis.call('HGET', marks, name .. ':' .. shard) or '-1') then
    redis.call('HSET', marks, name .. ':' .. shard, at)
  end
end
local function doubt_up_to(marks, shard, at)
  raise_mark(marks, 'doubt', shard, at)
end
-- `ids` nil: a delete by filter, of nobody knows what. In doubt is what was written before it ended: who compared while it
-- was under way, and settled what began before, may have seen the copies as they were.
local function keep_tombstones(key, marks, shard, ids, at, most)
  if not ids then
    doubt_up_to(marks, shard, now)
    return
  end
  in_chunks(ids, function(from, to)
    local args = {}
    for i = from, to do
      args[#args + 1] = at
      args[#args + 1] = ids[i]
    end
    redis.call('ZADD', key, 'GT', unpack(args))
  end)
  local over = redis.call('ZCARD', key) - most
  if over > 0 then
    local last = redis.call('ZRANGE', key, over - 1, over - 1, 'WITHSCORES')
    redis.call('ZREMRANGEBYRANK', key, 0, over - 1)
    if tonumber(last[2]) >= tonumber(redis.call('HGET', marks, 'settled:' .. shard) or '0') then
      doubt_up_to(marks, shard, last[2])
    end
  end
end
