-- What observers report now, and which routers live now: one moment, by Redis time.
-- KEYS[1] reports, KEYS[2] router registry
-- Returns {'ok', time, live routers, id, ..., observer, its report as JSON, ...}
-- @include clock
-- @include router
local out = { 'ok', now, '0' }
local routers = redis.call('HGETALL', KEYS[2])
for i = 1, #routers, 2 do
  if ends_at(routers[i + 1]) > tonumber(now) then
    out[#out + 1] = routers[i]
  end
end
out[3] = string.format('%.0f', #out - 3)
local reports = redis.call('HGETALL', KEYS[1])
for i = 1, #reports, 2 do
  if ends_at(reports[i + 1]) > tonumber(now) then
    out[#out + 1] = reports[i]
    out[#out + 1] = reports[i + 1]
  end
end
return out
