-- Ends the mark of a deletion: its nodes have been told, or will not be any more. Another deletion's mark stays.
-- KEYS[1] mark of the deletion
-- ARGV[1] epoch that the deletion had
-- Returns {'ok'}
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return { 'ok' }
