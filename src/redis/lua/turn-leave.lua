-- Gives up a turn for which nothing was sent: one that waits, or one whose number its router never learned.
-- KEYS, ARGV[1..3] as turns say; ARGV[4] registration, ARGV[5] number, or '' for the one of ARGV[6], ARGV[6] try
-- Returns {'ok'}
-- @include clock
-- @include router
-- @include chunks
-- @include repair
-- @include turns
local number = ARGV[5] ~= '' and ARGV[5] or redis.call('HGET', KEYS[1], 'try:' .. ARGV[6])
local text = number and redis.call('HGET', KEYS[1], number)
local turn = text and cjson.decode(text)
if turn and turn.registration == ARGV[4] then
  drop(number, turn)
end
return { 'ok' }
