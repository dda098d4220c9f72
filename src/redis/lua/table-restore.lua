-- After a restart of Redis, one index: the owners of the newest table that routers handed in stand, under a higher epoch.
-- A shard whose owners differ from it is frozen: it is served as handed in, its move is ended, and nobody writes or deletes
-- a copy of it as a mover until an operator lets go. So is one that settles, where Redis has lost writes: which documents
-- still had to be carried over is not known any more. One that was switched after this run was taken up has its whole
-- journal, unless its own index was handed in. A shard that is tracked or held gets a count that only a full verify closes:
-- the journal may have lost ids. Deletes of the lost seconds have left no tombstone, so every shard is in doubt up to now;
-- and where Redis is known to have lost writes, lists of what owners missed may name the wrong one.
-- KEYS[1] planner lease, KEYS[2] routing table, KEYS[3] tables handed in, KEYS[4] set of unfinished moves, KEYS[5] ended
-- moves by time, KEYS[6] audit stream, KEYS[7] hash of the run, KEYS[8] what is in doubt in the index
-- ARGV[1] fence, ARGV[2] index, ARGV[3] audit length
-- Returns {'ok', JSON {shard, owners, others, move} of a shard that was frozen, ...} or {'refused', ...}
-- @include fence
-- @include attempt
-- @include reverify
-- @include changed
-- @include end-lost
-- @include chunks
-- @include tombstones
local prefix = string.match(KEYS[2], '^(.-):routing:')
local text = redis.call('HGET', KEYS[3], ARGV[2])
local handed = text and cjson.decode(text)
-- Registered anew meanwhile, at a higher epoch: what was handed in is of an index that is gone.
if handed and tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0') > handed.epoch then
  handed = nil
end
if handed then
  redis.call('HSET', KEYS[2], 'epoch', string.format('%.0f', handed.epoch + 1))
end
local run = redis.call('HMGET', KEYS[7], 'lost', 'accepted', 'acceptedAt')
-- Whether what its move has in Redis may be older than what was done.
local function may_lack(route)
  if run[1] ~= '1' then
    return false
  end
  if handed or run[2] ~= string.match(info, 'run_id:(%x+)') then
    return true
  end
  local switched = redis.call('HGET', prefix .. ':move:' .. route.moveId, 'switchedAt')
  return not run[3] or tonumber(switched or '0') < tonumber(run[3])
end
-- Up to when what Redis shows may lack what was done; nil where this run is taken up and nothing new has come to light.
local is_accepted = run[2] == string.match(info, 'run_id:(%x+)')
local lacks_up_to = (handed or not is_accepted) and now or (run[1] == '1' and run[3]) or nil
local function same(a, b)
  local left, right = { unpack(a) }, { unpack(b) }
  table.sort(left)
  table.sort(right)
  return table.concat(left, ' ') == table.concat(right, ' ')
end
-- Nodes that may hold what the owners do not; more than this many the route does not name.
local OTHERS_MAX = 16
local function others(route, owners, move)
  local seen, out = {}, {}
  for _, id in ipairs(owners) do
    seen[id] = true
  end
  local function add(id)
    if type(id) == 'string' and not seen[id] and #out < OTHERS_MAX then
      seen[id] = true
      out[#out + 1] = id
    end
  end
  for _, list in ipairs({ route.owners, route.readers, move and { move.source, move.target } or {}, route.others or {} }) do
    for _, id in ipairs(list) do
      add(id)
    end
  end
  return out
end
-- Of the owners those that are read: of replica groups that are active, as those without a record are. Where there is none
-- (or a node is not known any more) all are.
local function readers(owners)
  local out = {}
  for _, id in ipairs(owners) do
    local node = redis.call('HGET', prefix .. ':topology', 'node:' .. id)
    local group = node and redis.call('HGET', prefix .. ':topology', 'group:' .. string.format('%.0f', cjson.decode(node).group))
    if not group or cjson.decode(group).state == 'active' then
      out[#out + 1] = id
    end
  end
  return #out > 0 and out or owners
end
local out = { 'ok' }
local function freeze(shard, route, owners)
  local key = route.moveId and prefix .. ':move:' .. route.moveId
  local record = key and redis.call('HGET', key, 'move')
  local move = record and cjson.decode(record)
  local epoch = string.format('%.0f', redis.call('HINCRBY', KEYS[2], 'epoch', 1))
  local list = cjson.encode(owners)
  local rest = others(route, owners, move)
  -- An empty table would be written as an object.
  local named = #rest > 0 and ',"others":' .. cjson.encode(rest) or ''
  redis.call('HSET', KEYS[2], 's:' .. shard, '{"epoch":' .. epoch .. ',"state":"stable","owners":' .. list ..
    ',"readers":' .. cjson.encode(readers(owners)) .. ',"frozen":true' .. named .. '}')
  if move then
    end_lost(prefix, route.moveId, move, 'redis_lost_writes: the shard is on ' .. table.concat(owners, ', ') ..
      '; what clients wrote may also be on ' .. table.concat(rest, ', ') .. ' only')
  end
  local told = { shard = shard, owners = owners, others = table.concat(rest, ','), move = route.moveId or '' }
  out[#out + 1] = cjson.encode(told)
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[3], '*', 'what', 'frozen', 'index', ARGV[2], 'shard',
    string.format('%.0f', shard), 'owners', table.concat(owners, ','), 'others', told.others, 'epoch', epoch)
end
local shard = 0
while true do
  local body = redis.call('HGET', KEYS[2], 's:' .. shard)
  if not body then
    break
  end
  local route = cjson.decode(body)
  if lacks_up_to then
    doubt_up_to(KEYS[8], shard, lacks_up_to)
  end
  if lacks_up_to and run[1] == '1' then
    raise_mark(KEYS[8], 'lost', shard, lacks_up_to)
  end
  local known = handed and handed.shards[shard + 1]
  if known and not same(route.owners, known.owners) then
    freeze(shard, route, known.owners)
  elseif route.state == 'settling' and may_lack(route) then
    freeze(shard, route, route.owners)
  elseif route.moveId and (route.state == 'tracking' or route.state == 'held') then
    end_count(prefix .. ':move:' .. route.moveId .. ':reverify', next_attempt(prefix .. ':move:' .. route.moveId))
  end
  shard = shard + 1
end
redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('PUBLISH', prefix .. ':nudge', ARGV[2])
return out
