-- What holds a plan (docs/protocol.md): its own hold, or that of all plans; '' = nothing. '<by> <since> <actor>'.
local function plan_held(plan, all)
  return redis.call('HGET', plan, 'held') or redis.call('HGET', all, 'held') or ''
end
