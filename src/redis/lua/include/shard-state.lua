-- Whether a shard is in a state of this very move.
local function stands(tables, shard, state, move)
  local text = redis.call('HGET', tables, 's:' .. shard)
  if not text then
    return false
  end
  local route = cjson.decode(text)
  return route.state == state and route.moveId == move
end
