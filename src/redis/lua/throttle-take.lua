-- Takes the documents of one window from the operator's rates, in all and into its node, from both or from neither. A rate is
-- kept as the time up to which it is used up: a window goes when that is over, however large it is, and moves it on by what it
-- costs. So no rate is saved up, and nothing has to be given back.
-- KEYS[1] throttle hash
-- ARGV[1] node, ARGV[2] documents
-- Returns {'ok', ms to wait or '0', throttle JSON or ''}
-- @include clock
local text = redis.call('HGET', KEYS[1], 'throttle')
if not text then
  return { 'ok', '0', '' }
end
local throttle = cjson.decode(text)
local at = tonumber(now_us)
local wait = 0
local taken = {}
local function ask(limits, field)
  local rate = limits and limits.documentsPerSecond
  if not rate or rate == cjson.null then
    return
  end
  local used = tonumber(redis.call('HGET', KEYS[1], field) or '0')
  wait = math.max(wait, used - at)
  table.insert(taken, { field, math.max(used, at) + tonumber(ARGV[2]) * 1000000 / rate })
end
ask(throttle, 'used')
ask(throttle.nodes[ARGV[1]], 'used:' .. ARGV[1])
if wait > 0 then
  return { 'ok', string.format('%.0f', math.ceil(wait / 1000)), text }
end
for _, one in ipairs(taken) do
  redis.call('HSET', KEYS[1], one[1], string.format('%.0f', one[2]))
end
return { 'ok', '0', text }
