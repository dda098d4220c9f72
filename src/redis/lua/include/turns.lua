-- Turns of one shard (R9). Every turn, taken or waiting, claims its ids under its number; a turn may be taken when no
-- smaller number claims any of them, so who came first goes first, and nobody who waits is passed by.
-- KEYS[1] turns (`<number>` -> JSON {registration, owners, try}, `ids:<number>` -> JSON array or `*` for the whole shard,
-- `try:<try>` -> number, `after:<number>` -> whom it waits for, `next`), KEYS[2] claims (id -> numbers, smallest first; ''
-- for the whole shard), KEYS[3] numbers in order, KEYS[4] numbers that wait, by when they last asked, KEYS[5] router
-- registry, KEYS[6] set of the index's repair lists
-- ARGV[1] shard, ARGV[2] the shard's repair lists without the owner, ARGV[3] how long one that waits may not ask, ms
local function ids_of(number)
  local text = redis.call('HGET', KEYS[1], 'ids:' .. number)
  if text == '*' then
    return nil
  end
  return cjson.decode(text)
end
-- What a turn claims: its ids, or the name that stands for all.
local function names_of(ids)
  return ids or { '' }
end
local function claim(number, ids)
  local names = names_of(ids)
  in_chunks(names, function(from, to)
    local held = redis.call('HMGET', KEYS[2], unpack(names, from, to))
    local args = {}
    for i = from, to do
      local before = held[i - from + 1]
      args[#args + 1] = names[i]
      args[#args + 1] = before and before .. ',' .. number or number
    end
    redis.call('HSET', KEYS[2], unpack(args))
  end)
  redis.call('ZADD', KEYS[3], number, number)
end
-- A turn that is over: nothing of it stays.
local function drop(number, turn)
  local names = names_of(ids_of(number))
  in_chunks(names, function(from, to)
    local held = redis.call('HMGET', KEYS[2], unpack(names, from, to))
    local kept, free = {}, {}
    for i = from, to do
      local rest = {}
      for other in string.gmatch(held[i - from + 1] or '', '%d+') do
        if other ~= number then
          rest[#rest + 1] = other
        end
      end
      if #rest == 0 then
        free[#free + 1] = names[i]
      else
        kept[#kept + 1] = names[i]
        kept[#kept + 1] = table.concat(rest, ',')
      end
    end
    if #free > 0 then
      redis.call('HDEL', KEYS[2], unpack(free))
    end
    if #kept > 0 then
      redis.call('HSET', KEYS[2], unpack(kept))
    end
  end)
  redis.call('HDEL', KEYS[1], number, 'ids:' .. number, 'after:' .. number, 'try:' .. turn.try)
  redis.call('ZREM', KEYS[3], number)
  redis.call('ZREM', KEYS[4], number)
end
-- Ends a turn that nobody stands behind any more: true when it did. One that was taken may have been sent to its owners,
-- who knows to which, and was never acknowledged: its ids are listed for all of them. `ended` counts those.
local ended = 0
local function evict(number)
  local turn = cjson.decode(redis.call('HGET', KEYS[1], number))
  local asked = redis.call('ZSCORE', KEYS[4], number)
  if lives(KEYS[5], turn.registration) then
    if not asked or tonumber(asked) + tonumber(ARGV[3]) > tonumber(now) then
      return false
    end
  elseif not asked then
    list_missed(ARGV[2], KEYS[6], ARGV[1], turn.owners, ids_of(number), now_us, true)
    ended = ended + 1
  end
  drop(number, turn)
  return true
end
-- Whom a turn has to wait for, or nil.
local function before(number, ids)
  local whole = string.match(redis.call('HGET', KEYS[2], '') or '', '^%d+')
  if whole and tonumber(whole) < tonumber(number) then
    return whole
  end
  if not ids then
    local first = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
    return first ~= number and first or nil
  end
  local found
  in_chunks(ids, function(from, to)
    if found then
      return
    end
    for _, held in ipairs(redis.call('HMGET', KEYS[2], unpack(ids, from, to))) do
      local first = string.match(held, '^%d+')
      if first ~= number then
        found = first
        return
      end
    end
  end)
  return found
end
-- Whether the turn is its holder's now; whoever is in the way and gone is ended first, some at a time.
local function is_next(number, ids)
  for _ = 1, 100 do
    local other = before(number, ids)
    if not other then
      redis.call('ZREM', KEYS[4], number)
      redis.call('HDEL', KEYS[1], 'after:' .. number)
      return true
    end
    if not evict(other) then
      redis.call('HSET', KEYS[1], 'after:' .. number, other)
      break
    end
  end
  redis.call('ZADD', KEYS[4], now, number)
  return false
end
