-- Opens a plan under the planner's fence; opening the same plan again finds the one that exists.
-- KEYS[1] planner lease, KEYS[2] topology hash, KEYS[3] plan hash, KEYS[4] set of running plans, KEYS[5] audit stream
-- ARGV[1] fence, ARGV[2] expected topology version, ARGV[3] plan id, ARGV[4] plan JSON, ARGV[5] audit length,
-- ARGV[6] '1' = none of its moves begins before it is approved, ARGV[7] documents that they carry ('' = not known)
-- Returns {'ok', state} with state = opening | running | done, or {'refused', ...}
-- @include fence
local version = redis.call('HGET', KEYS[2], 'version') or '0'
if version ~= ARGV[2] then
  return refused('conflict', version)
end
local state = redis.call('HGET', KEYS[3], 'state')
if state then
  return { 'ok', state }
end
redis.call('HSET', KEYS[3], 'plan', ARGV[4], 'state', 'opening', 'createdAt', now)
if ARGV[6] == '1' then
  redis.call('HSET', KEYS[3], 'held', 'approval ' .. now .. ' planner')
end
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[3], 'planned', ARGV[7])
end
redis.call('SADD', KEYS[4], ARGV[3])
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[5], '*', 'what', 'plan', 'plan', ARGV[3], 'why', 'opened')
return { 'ok', 'opening' }
