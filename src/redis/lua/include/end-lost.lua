-- Ends a move that nobody can go on with, as failed: what belongs to its end (move-end.lua) without its route. The ids that
-- waited in its journal are added to what its record says is lost. KEYS[4] and KEYS[5] are the sets of unfinished and of ended moves.
local function end_lost(prefix, id, move, error)
  local key = prefix .. ':move:' .. id
  if redis.call('HEXISTS', key, 'outcome') == 1 then
    return
  end
  local waited = redis.call('ZCARD', key .. ':journal')
  if waited > 0 then
    local named = cjson.decode(redis.call('HGET', key, 'lostIds') or '[]')
    if #named < 1000 then
      for _, name in ipairs(redis.call('ZRANGE', key .. ':journal', 0, 999 - #named)) do
        named[#named + 1] = name
      end
    end
    redis.call('HINCRBY', key, 'lost', waited)
    redis.call('HSET', key, 'lostIds', cjson.encode(named))
  end
  redis.call('HSET', key, 'phase', 'Idle', 'outcome', 'failed', 'endedAt', now, 'error', error)
  redis.call('HDEL', key, 'waiting', 'waitingSince', 'gate')
  note_change(key)
  redis.call('SREM', prefix .. ':node:' .. move.source .. ':out', id)
  redis.call('SREM', prefix .. ':node:' .. move.target .. ':in', id)
  redis.call('SREM', KEYS[4], id)
  redis.call('ZADD', KEYS[5], now, id)
  local plan = prefix .. ':plan:' .. move.planId
  if redis.call('HINCRBY', plan, 'left', -1) == 0 then
    redis.call('HSET', plan, 'state', 'done', 'endedAt', now)
  end
  redis.call('DEL', key .. ':journal', key .. ':ranges', key .. ':open', key .. ':reverify')
end
