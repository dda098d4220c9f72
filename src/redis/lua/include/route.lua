-- Writes one shard's route and raises the table's epoch by one: returns the epoch and the text as written, or nil when
-- the route is not the expected text any more. Tells routers that they should look (a nudge, never the truth).
-- `body` is a JSON object without epoch, `hold` the length of a hold in ms or '0'.
local function put_route(key, shard, expected, body, hold)
  local prefix, index = string.match(key, '^(.-):routing:(.+)$')
  local field = 's:' .. shard
  if redis.call('HGET', key, field) ~= expected then
    return nil
  end
  local epoch = string.format('%.0f', redis.call('HINCRBY', key, 'epoch', 1))
  local head = '{"epoch":' .. epoch .. ','
  if hold ~= '0' then
    head = head .. '"heldUntilMs":' .. string.format('%.0f', tonumber(now) + tonumber(hold)) .. ','
  end
  local text = head .. string.sub(body, 2)
  redis.call('HSET', key, field, text)
  redis.call('PUBLISH', prefix .. ':nudge', index)
  return epoch, text
end
-- The same, and nil also while Redis may show an old route (run.lua).
local function write_route(key, shard, expected, body, hold)
  local prefix, index = string.match(key, '^(.-):routing:(.+)$')
  if not may_route(prefix, index) then
    return nil
  end
  return put_route(key, shard, expected, body, hold)
end
