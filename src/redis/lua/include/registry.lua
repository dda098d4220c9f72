-- Writes a router's entry, lengthened from `now`, and answers with run id, time and the epoch of every registered index.
-- Without acknowledgements it is new, and has not said yet what it works by.
local function enter(routers, id, entry_ms, name, acks)
  local ends = string.format('%.0f', tonumber(now) + tonumber(entry_ms))
  local told = acks and ',"acks":' .. acks .. ',"confirmedMs":' .. now or ',"acks":{}'
  redis.call('HSET', routers, id,
    '{"untilMs":' .. ends .. ',"run":"' .. run .. '","name":' .. cjson.encode(name) .. told .. '}')
end
-- An epoch that a router has handed in is what the others have to know, too: they must not serve by an older table.
local function confirmation(indexes, tables)
  local out = { 'ok', run, now_us }
  local handed = {}
  local flat = redis.call('HGETALL', string.match(tables, '^(.-):routing:$') .. ':handed')
  for i = 1, #flat, 2 do
    handed[flat[i]] = string.match(flat[i + 1], '^{"epoch":(%d+)')
  end
  for _, uid in ipairs(redis.call('HKEYS', indexes)) do
    table.insert(out, uid)
    local shown = redis.call('HGET', tables .. uid, 'epoch') or '0'
    table.insert(out, handed[uid] and tonumber(handed[uid]) > tonumber(shown) and handed[uid] or shown)
  end
  return out
end
