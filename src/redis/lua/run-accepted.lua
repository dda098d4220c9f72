-- Whether the planner has taken up the present run of Redis: before that no mover acts.
-- KEYS[1] hash of the run
-- Returns {'yes' | 'no'}
-- @include run
return { run_is_accepted(string.match(KEYS[1], '^(.-):run$')) and 'yes' or 'no' }
