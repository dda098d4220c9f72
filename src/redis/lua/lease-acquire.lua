-- Gives the lease to the caller, or says who holds it. A grant carries a fence greater than any before, also after
-- Redis lost data: max(previous + 1, Redis time in microseconds). A lease is still held at the very instant it ends.
-- KEYS[1] lease hash, KEYS[2] set of scopes that are held or were left unclean
-- ARGV[1] holder, ARGV[2] nonce of this try (a try sent again gets its first answer), ARGV[3] TTL ms, ARGV[4] scope,
-- ARGV[5] how long the hash stays after its last use (ms), none for ever
-- Returns {'granted', fence, how, previous fence, previous seq} with how = clean | dirty | expired | unknown,
--         or {'busy', holder, remaining ms, fence, seq}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local old = redis.call('HMGET', KEYS[1], 'fence', 'state', 'until', 'nonce', 'run', 'seq', 'holder', 'how', 'previous')
local fence, state, ends = old[1], old[2], tonumber(old[3] or '0')
local seq = old[6] or '0'
if state == 'held' and ends >= now and old[5] == run then
  if old[4] == ARGV[2] then
    return { 'granted', fence, old[8], old[9] or '', '' }
  end
  return { 'busy', old[7], string.format('%.0f', ends - now), fence, seq }
end
local how = 'clean'
if fence then
  if old[5] ~= run then
    how = 'unknown'
  elseif state == 'held' then
    how = 'expired'
  else
    how = state
  end
end
local least = tonumber(time[1]) * 1000000 + tonumber(time[2])
local given = string.format('%.0f', math.max(tonumber(fence or '0') + 1, least))
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'nonce', ARGV[2], 'fence', given, 'state', 'held', 'seq', '0',
  'until', string.format('%.0f', now + tonumber(ARGV[3])), 'run', run, 'how', how, 'previous', fence or '')
if ARGV[5] then
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
redis.call('SADD', KEYS[2], ARGV[4])
return { 'granted', given, how, fence or '', seq }
