-- Whether the planner has taken up the present run of Redis (`accepted`), and no router has handed in a newer table of the
-- index since: until then Redis may show routes that were changed long ago, and nobody may change them on that ground.
-- `prefix` begins every key of ours. Where no planner ever looked there is nothing to wait for.
local function run_is_accepted(prefix)
  local accepted = redis.call('HGET', prefix .. ':run', 'accepted')
  return not accepted or accepted == string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end
local function is_handed_in(prefix, index)
  return redis.call('HEXISTS', prefix .. ':handed', index) == 1
end
local function may_route(prefix, index)
  return run_is_accepted(prefix) and not is_handed_in(prefix, index)
end
