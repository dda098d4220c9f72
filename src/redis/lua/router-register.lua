-- Enters a new registration, without any acknowledgement: it blocks every barrier until it has acknowledged. To be
-- called before the table is read for the first time (R1).
-- KEYS[1] router registry, KEYS[2] index registry
-- ARGV[1] registration, ARGV[2] life of an entry, ms, ARGV[3] prefix of routing tables (all of one hash slot), ARGV[4] name
-- Returns {'ok', run id, time (us), index, epoch, ...}
-- @include clock
-- @include registry
enter(KEYS[1], ARGV[1], ARGV[2], ARGV[4], nil)
return confirmation(KEYS[2], ARGV[3])
