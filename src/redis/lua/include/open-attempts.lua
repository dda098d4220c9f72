-- The smallest attempt that is open and whose registration lives, as a number, or nil. On the way those of registrations
-- that are gone are ended: nothing of theirs is in flight any more.
local function lowest_open(open, routers)
  while true do
    local members = redis.call('ZRANGE', open, 0, 99, 'WITHSCORES')
    if #members == 0 then
      return nil
    end
    for i = 1, #members, 2 do
      if lives(routers, registration_of(members[i])) then
        return tonumber(members[i + 1])
      end
      redis.call('ZREM', open, members[i])
    end
  end
end
