-- Every lease that is held or was left unclean, so that a successor knows when it last saw one change. One that was left
-- so long ago that it is gone is forgotten.
-- KEYS[1] set of scopes
-- ARGV[1] prefix of lease keys (all of one hash slot)
-- Returns a flat list: scope, fence, seq, holder, state, ...
local out = {}
for _, scope in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local lease = redis.call('HMGET', ARGV[1] .. scope, 'fence', 'seq', 'holder', 'state')
  if lease[1] then
    table.insert(out, scope)
    for field = 1, 4 do
      table.insert(out, lease[field] or '')
    end
  else
    redis.call('SREM', KEYS[1], scope)
  end
end
return out
