-- Redis time (ms, as text) and run id, both from one command.
local info = redis.call('INFO', 'server')
local now = string.sub(string.match(info, 'server_time_usec:(%d+)'), 1, -4)
local run = string.match(info, 'run_id:(%x+)')
