-- A pass of anti-entropy as JSON; KEYS[1] is its hash, KEYS[2] the set of shards it has left, KEYS[4] the list of those
-- that are over, of which 100 stay.
local PASSES_MAX = 100
local PASS_COUNTS = { 'shards_scanned', 'shards_with_drift', 'repairs_performed', 'errors', 'documents_left' }
local function pass_text(completed)
  local fields = redis.call('HMGET', KEYS[1], 'started_at', unpack(PASS_COUNTS))
  local text = '{"started_at":' .. fields[1] .. ',"completed_at":' .. completed
  for i, name in ipairs(PASS_COUNTS) do
    text = text .. ',"' .. name .. '":' .. (fields[i + 1] or '0')
  end
  return text .. ',"shards_left":' .. redis.call('SCARD', KEYS[2]) .. '}'
end
local function close_pass()
  redis.call('LPUSH', KEYS[4], pass_text(now))
  redis.call('LTRIM', KEYS[4], 0, PASSES_MAX - 1)
  redis.call('HDEL', KEYS[1], 'open')
end
