-- An attempt is a number of its move, never used twice. While it is open it is named `<try>:<registration>`, so that a
-- router that got no answer can end what it does not know the number of.
local function next_attempt(move)
  return string.format('%.0f', redis.call('HINCRBY', move, 'attempts', 1))
end
local function registration_of(name)
  return string.match(name, '^[^:]*:(.*)$') or ''
end
