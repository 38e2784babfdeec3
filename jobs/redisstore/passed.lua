-- Remembers how far fast passes have read. It never goes back, since a slow pass may end after its successor, but from
-- what is still to come: a clock that was ahead said that.
-- KEYS: 1 fast
-- ARGV: 1 until when everything was read (Unix milliseconds)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local read = tonumber(redis.call('HGET', KEYS[1], 'read') or '0')
if read < tonumber(ARGV[1]) or read > now then
  redis.call('HSET', KEYS[1], 'read', ARGV[1])
end
return ''
