-- Remembers that a tick of the schedule needs nothing more, and how its run ended.
-- KEYS: 1 schedule
-- ARGV: 1 tick (Unix milliseconds), 2 'well', which forgets the failures so far, 'failed', which counts one more,
--       or 'again', which counts how often the last one that failed was made again
-- Returns 1, or 0 when that tick or a later one is remembered already: then a failure is not counted, since it was
-- (the call is asked again) or others have gone on.
if ARGV[2] == 'well' then
  redis.call('HDEL', KEYS[1], 'failures', 'tried', 'retries')
end
local done = redis.call('HGET', KEYS[1], 'done')
local ahead = tonumber(ARGV[1]) + 86400000 -- as in tick.lua
if done and tonumber(done) >= tonumber(ARGV[1]) and tonumber(done) <= ahead then
  return 0
end
if ARGV[2] == 'failed' then
  redis.call('HINCRBY', KEYS[1], 'failures', 1)
  redis.call('HSET', KEYS[1], 'tried', ARGV[1])
  redis.call('HDEL', KEYS[1], 'retries')
end
if ARGV[2] == 'again' then
  redis.call('HINCRBY', KEYS[1], 'retries', 1)
end
redis.call('HSET', KEYS[1], 'done', ARGV[1])
return 1
