-- The pass that goes on, if one does, and those that are over, newest first.
-- KEYS[1] the pass, KEYS[2] shards it has left, KEYS[3] unused, KEYS[4] passes that are over
-- Returns {'ok', JSON, ...}
-- @include clock
-- @include pass
local out = redis.call('LRANGE', KEYS[4], 0, PASSES_MAX - 1)
if redis.call('HGET', KEYS[1], 'open') then
  table.insert(out, 1, pass_text('null'))
end
table.insert(out, 1, 'ok')
return out
