-- Whether a registration's entry counts at `now`. Entries begin with their end, so that none has to be parsed whole.
local function ends_at(entry)
  return tonumber(string.match(entry, '^{"untilMs":(%d+)') or '0')
end
local function lives(routers, id)
  local entry = redis.call('HGET', routers, id)
  return entry and ends_at(entry) > tonumber(now) or false
end
