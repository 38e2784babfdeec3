-- Gives the next fast pass to one replica.
-- KEYS: 1 fast, 2 schedule
-- ARGV: 1 how long the next pass is nobody else's (milliseconds), 2 name of this call
-- What is remembered of later than can be is of a clock that was ahead, and is not gone by.
-- Returns '1' when it is the caller's, else '0', and how far passes have read (Unix milliseconds), empty when none has.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local read = redis.call('HGET', KEYS[1], 'read') or ''
if read ~= '' and tonumber(read) > now then
  read = string.format('%.0f', now)
end
if redis.call('HGET', KEYS[1], 'by') == ARGV[2] then -- asked again because the answer was lost
  return {'1', read}
end
local next = tonumber(redis.call('HGET', KEYS[1], 'next') or '0')
if redis.call('HGET', KEYS[2], 'paused') or now < next and next <= now + tonumber(ARGV[1]) then
  return {'0', read}
end
redis.call('HSET', KEYS[1], 'next', string.format('%.0f', now + tonumber(ARGV[1])), 'by', ARGV[2])
return {'1', read}
