-- Takes the documents of one window from the operator's rates, in all and into its node. A rate is kept as the time up to which
-- it is used up: a window's turn is when that is over, however large it is, and moves it on by what the window costs. So no rate
-- is saved up, and turns come in the order in which they were asked for. A window that waits for its node's rate has its share
-- of the rate in all by then: with it go at most as many windows too early as copies wait.
-- KEYS[1] throttle hash
-- ARGV[1] node, ARGV[2] documents
-- Returns {'ok', ms until its turn, throttle JSON or '', since when the throttle is there or '0'}
-- @include clock
local text = redis.call('HGET', KEYS[1], 'throttle')
if not text then
  return { 'ok', '0', '', '0' }
end
local throttle = cjson.decode(text)
local at = tonumber(now_us)
local turn = at
local function take(limits, field)
  local rate = limits and limits.documentsPerSecond
  if not rate or rate == cjson.null then
    return
  end
  local from = math.max(at, tonumber(redis.call('HGET', KEYS[1], field) or '0'))
  turn = math.max(turn, from)
  redis.call('HSET', KEYS[1], field, string.format('%.0f', from + tonumber(ARGV[2]) * 1000000 / rate))
end
take(throttle, 'used')
take(throttle.nodes[ARGV[1]], 'used:' .. ARGV[1])
return { 'ok', string.format('%.0f', math.ceil((turn - at) / 1000)), text, redis.call('HGET', KEYS[1], 'since') }
