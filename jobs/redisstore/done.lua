-- Remembers that a tick of the schedule needs nothing more.
-- KEYS: 1 schedule
-- ARGV: 1 tick (Unix milliseconds)
-- Returns 1, or 0 when a later tick is remembered already.
local done = redis.call('HGET', KEYS[1], 'done')
if done and tonumber(done) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'done', ARGV[1])
return 1
