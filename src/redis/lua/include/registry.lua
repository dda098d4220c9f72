-- Writes a router's entry, lengthened from `now`, and answers with run id, time and the epoch of every registered index.
-- Without acknowledgements it is new, and has not said yet what it works by.
local function enter(routers, id, entry_ms, name, acks)
  local ends = string.format('%.0f', tonumber(now) + tonumber(entry_ms))
  local told = acks and ',"acks":' .. acks .. ',"confirmedMs":' .. now or ',"acks":{}'
  redis.call('HSET', routers, id,
    '{"untilMs":' .. ends .. ',"run":"' .. run .. '","name":' .. cjson.encode(name) .. told .. '}')
end
local function confirmation(indexes, tables)
  local out = { 'ok', run, now }
  for _, uid in ipairs(redis.call('HKEYS', indexes)) do
    table.insert(out, uid)
    table.insert(out, redis.call('HGET', tables .. uid, 'epoch') or '0')
  end
  return out
end
