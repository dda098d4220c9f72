-- The fence: nothing below runs unless ARGV[1] is the newest fence of the lease KEYS[1], still held, and granted by
-- this very Redis run (a restart may have forgotten a newer grant).
local function refused(reason, detail)
  return { 'refused', reason, detail or '' }
end
local lease = redis.call('HMGET', KEYS[1], 'fence', 'state', 'run')
if lease[1] ~= ARGV[1] or lease[2] ~= 'held' then
  return refused('fence', lease[1] or '')
end
local info = redis.call('INFO', 'server')
if lease[3] ~= string.match(info, 'run_id:(%x+)') then
  return refused('server', '')
end
-- Redis time in ms, as text; it stands beside the run id, which saves a command in every script.
local now = string.sub(string.match(info, 'server_time_usec:(%d+)'), 1, -4)
