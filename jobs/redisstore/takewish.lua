-- Gives the run that is asked for to one process, or lets it keep it.
-- KEYS: 1 wish
-- ARGV: 1 taker, 2 for how long (milliseconds)
-- Returns 1 when it is the taker's, else 0.
if not redis.call('HGET', KEYS[1], 'id') or redis.call('HGET', KEYS[1], 'over') then
  return 0
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local taker = redis.call('HGET', KEYS[1], 'taker')
local till = tonumber(redis.call('HGET', KEYS[1], 'till') or 0)
local ahead = now + tonumber(ARGV[2]) -- what is later than that was said by a clock that was ahead
if taker and taker ~= ARGV[1] and till > now and till <= ahead then
  return 0
end
redis.call('HSET', KEYS[1], 'taker', ARGV[1], 'till', string.format('%.0f', now + tonumber(ARGV[2])))
return 1
