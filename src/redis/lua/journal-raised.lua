-- Ends the open time of a count: from now on it waits for a full verify. Never creates one.
-- KEYS[1] counts
-- ARGV[1] attempt, ARGV[2] registration
-- Returns {'ok'}
-- @include attempt
-- @include reverify
if registration_of(redis.call('HGET', KEYS[1], ARGV[1]) or '') == ARGV[2] then
  end_count(KEYS[1], ARGV[1])
end
return { 'ok' }
