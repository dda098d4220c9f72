-- Lets the next pass of anti-entropy begin as soon as the present one is over.
-- KEYS[1] the pass
-- Returns {'ok'}
redis.call('HSET', KEYS[1], 'wish', '1')
return { 'ok' }
