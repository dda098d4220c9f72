-- Forgets what is kept of an index beside its record: what owners missed, what was deleted, turns, what nodes had. A key is
-- taken out at once and freed behind that (UNLINK), so that nobody waits for a long list. Numbers of turns go on: a router
-- that comes late to end an old one must not meet a new one under its number.
-- `kept`: sightings, task marks, what is in doubt; `lists`: set of the repair lists; `prefixes`: of the index's repair lists,
-- tombstones and turns (all of one hash slot)
local function forget_index(kept, lists, prefixes, shards)
  redis.call('UNLINK', unpack(kept))
  for _, name in ipairs(redis.call('SMEMBERS', lists)) do
    redis.call('UNLINK', prefixes[1] .. name)
  end
  redis.call('UNLINK', lists)
  for shard = 0, shards - 1 do
    redis.call('UNLINK', prefixes[2] .. shard)
    local turns = prefixes[3] .. shard
    local number = redis.call('HGET', turns, 'next')
    if number then
      redis.call('UNLINK', turns, turns .. ':ids', turns .. ':order', turns .. ':waiting')
      redis.call('HSET', turns, 'next', number)
    end
  end
end
