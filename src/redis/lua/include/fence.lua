-- The fence: nothing below runs unless ARGV[1] is the newest fence of the lease KEYS[1], still held, and granted by
-- this very Redis run (a restart may have forgotten a newer grant).
local function refused(reason, detail)
  return { 'refused', reason, detail or '' }
end
local lease = redis.call('HMGET', KEYS[1], 'fence', 'state', 'run')
if lease[1] ~= ARGV[1] or lease[2] ~= 'held' then
  return refused('fence', lease[1] or '')
end
if lease[3] ~= string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') then
  return refused('server', '')
end
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
