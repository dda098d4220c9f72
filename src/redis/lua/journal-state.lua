-- How the journal of a move stands. Attempts and counts of registrations that are gone are ended on the way.
-- KEYS[1] lease, KEYS[2] journal, KEYS[3] ranges, KEYS[4] open attempts, KEYS[5] counts, KEYS[6] router registry
-- ARGV[1] fence
-- Returns {'ok', ids, ranges, open attempts, open counts, attempt of a count that waits for a verify, ...}
--      or {'refused', ...}
-- @include fence
-- @include router
-- @include attempt
-- @include reverify
local open = 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  if lives(KEYS[6], registration_of(member)) then
    open = open + 1
  else
    redis.call('ZREM', KEYS[4], member)
  end
end
local raised = 0
local counts = redis.call('HGETALL', KEYS[5])
for i = 1, #counts, 2 do
  if counts[i + 1] ~= '' then
    if lives(KEYS[6], registration_of(counts[i + 1])) then
      raised = raised + 1
    else
      end_count(KEYS[5], counts[i])
    end
  end
end
local out = { 'ok', redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3]), open, raised }
counts = redis.call('HGETALL', KEYS[5])
for i = 1, #counts, 2 do
  if counts[i + 1] == '' then
    out[#out + 1] = counts[i]
  end
end
return out
