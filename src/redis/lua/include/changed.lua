-- Notes that a move's record has changed, for whoever keeps what it has read (changes-read.lua). `key` is the record's.
local function note_change(key)
  local prefix, id = string.match(key, '^(.-):move:(.+)$')
  redis.call('ZADD', prefix .. ':moves:changed', redis.call('INCR', prefix .. ':moves:changes'), id)
end
