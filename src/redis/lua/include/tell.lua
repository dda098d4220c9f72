-- Raises the epoch of an index's table without a change of any shard, so that routers read its settings again with it,
-- and tells them to look (a nudge, never the truth). Nothing where the index is gone.
local function tell(key)
  if redis.call('HEXISTS', key, 's:0') == 0 then
    return
  end
  redis.call('HINCRBY', key, 'epoch', 1)
  local prefix, index = string.match(key, '^(.-):routing:(.+)$')
  redis.call('PUBLISH', prefix .. ':nudge', index)
end
