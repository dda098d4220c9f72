-- Keeps what a plan has brought about: sums in its hash (`copied`, `over`, `progressAt`), a list of samples of it, and what
-- the whole fleet has copied in each five seconds of the last fifteen minutes. Samples are two seconds apart at least, the
-- first twenty a tenth of one, so that something can be told of short plans, too. A list of more than 600 samples keeps its newest 100, and every second one of the others.
local FIRST_MS, FIRST = 100, 20
local SAMPLE_MS, SAMPLES_MAX, SAMPLES_WHOLE = 2000, 600, 100
local BUCKET_MS, BUCKETS = 5000, 180
local function whole(number)
  return string.format('%.0f', number)
end
local function sample(key, copied, over)
  local last = redis.call('LINDEX', key, -1)
  local apart = redis.call('LLEN', key) < FIRST and FIRST_MS or SAMPLE_MS
  if last and tonumber(now) - tonumber(string.match(last, '^%d+')) < apart then
    return
  end
  if redis.call('RPUSH', key, now .. ' ' .. copied .. ' ' .. over) <= SAMPLES_MAX then
    return
  end
  local all = redis.call('LRANGE', key, 0, -1)
  local kept = {}
  for i, one in ipairs(all) do
    if i > #all - SAMPLES_WHOLE or i % 2 == 1 then
      kept[#kept + 1] = one
    end
  end
  redis.call('DEL', key)
  redis.call('RPUSH', key, unpack(kept))
end
-- `buckets` is one hash of as many fields as there are buckets: a bucket takes the place of the one of fifteen minutes ago.
local function tally(buckets, documents, held)
  local number = math.floor(tonumber(now) / BUCKET_MS)
  local field = whole(number % BUCKETS)
  local begins = whole(number * BUCKET_MS)
  local at, sum, longest = string.match(redis.call('HGET', buckets, field) or '', '^(%d+) (%d+) (%d+)$')
  if at ~= begins then
    sum, longest = 0, 0
  end
  redis.call('HSET', buckets, field,
    begins .. ' ' .. whole(sum + documents) .. ' ' .. whole(math.max(tonumber(longest), held)))
end
-- `documents` were copied, `over` moves settled or ended before; a plan that is forgotten stays so.
local function progressed(plan, samples, buckets, documents, over)
  local sums = redis.call('HMGET', plan, 'state', 'copied', 'over')
  if documents > 0 then
    tally(buckets, documents, 0)
  end
  if not sums[1] then
    return
  end
  local copied, ended = whole((sums[2] or 0) + documents), whole((sums[3] or 0) + over)
  redis.call('HSET', plan, 'copied', copied, 'over', ended, 'progressAt', now)
  sample(samples, copied, ended)
end
