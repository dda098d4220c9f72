-- Redis time (ms, and us, as text) and run id, all from one command.
local info = redis.call('INFO', 'server')
local now_us = string.match(info, 'server_time_usec:(%d+)')
local now = string.sub(now_us, 1, -4)
local run = string.match(info, 'run_id:(%x+)')
