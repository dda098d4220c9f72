-- Makes an index have shards in a replica group, or none there any more. One that is gone is left alone.
-- KEYS[1] planner lease, KEYS[2] index registry, KEYS[3] audit stream
-- ARGV[1] fence, ARGV[2] index, ARGV[3] group, ARGV[4] '1' = has, '0' = has not, ARGV[5] audit length
-- Returns {'ok', '1' when it changed} or {'refused', ...}
-- @include fence
local text = redis.call('HGET', KEYS[2], ARGV[2])
if not text then
  return { 'ok', '0' }
end
local entry = cjson.decode(text)
local group = tonumber(ARGV[3])
local groups, had = {}, false
for _, id in ipairs(entry.groups) do
  if id == group then
    had = true
  else
    groups[#groups + 1] = id
  end
end
if had == (ARGV[4] == '1') then
  return { 'ok', '0' }
end
if ARGV[4] == '1' then
  groups[#groups + 1] = group
end
if #groups == 0 then
  return refused('conflict', 'the only group of the index')
end
table.sort(groups)
entry.groups = groups
redis.call('HSET', KEYS[2], ARGV[2], cjson.encode(entry))
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'what', 'index', 'index', ARGV[2],
  'why', (ARGV[4] == '1' and 'group ' or 'without group ') .. ARGV[3])
return { 'ok', '1' }
