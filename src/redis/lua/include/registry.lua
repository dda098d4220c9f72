-- Writes a router's entry, lengthened from `now`, and answers with run id, time and the epoch of every registered index.
local function enter(routers, id, entry_ms, name, acks)
  local ends = string.format('%.0f', tonumber(now) + tonumber(entry_ms))
  redis.call('HSET', routers, id,
    '{"untilMs":' .. ends .. ',"run":"' .. run .. '","name":' .. cjson.encode(name) .. ',"acks":' .. acks .. '}')
end
local function confirmation(indexes, tables)
  local out = { 'ok', run, now }
  for _, uid in ipairs(redis.call('HKEYS', indexes)) do
    table.insert(out, uid)
    table.insert(out, redis.call('HGET', tables .. uid, 'epoch') or '0')
  end
  return out
end
