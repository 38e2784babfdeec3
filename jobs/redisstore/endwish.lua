-- Ends the run that was asked for, if it is still that one and the same process's.
-- KEYS: 1 wish
-- ARGV: 1 id, 2 taker, 3 why it could not be made, empty when it was
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] and redis.call('HGET', KEYS[1], 'taker') == ARGV[2] then
  redis.call('HSET', KEYS[1], 'over', '1', 'failed', ARGV[3])
end
return ''
