-- What processes learn together of how many requests a second an API takes, with the tokens of that, and at once.
-- KEYS: 1 what is known, 2 sharers, 3 how many each has under way at most, of those who had to lower it
-- ARGV: 1 how many requests a second went well before the first refusals, or 0; 2 the part of the limit that refusals
--       left; 3 what good answers add to it; 4 how many tokens are asked for; 5 the part of a second's tokens that is
--       saved up; 6 who asks; 7 how many it has under way at most, or 0 when it had not to lower that
-- Returns the limit (empty: none is known), since how many microseconds nothing lowered it, how many tokens are given,
-- in how many microseconds there is another, how many have asked in the last ten seconds, and the least that another
-- of these has under way at most (empty: none had to lower it).
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local together = 2000000 -- those who are refused for the first time within it add up
redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[6])
local function gone(from, to)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], from, to)) do
    redis.call('ZREM', KEYS[2], name)
    redis.call('ZREM', KEYS[3], name)
  end
end
gone('-inf', string.format('%.0f', now - 10000000))
gone(string.format('(%.0f', now), '+inf') -- asked by a clock that was ahead
redis.call('PEXPIRE', KEYS[2], 60000)
local sharers = redis.call('ZCARD', KEYS[2])
if tonumber(ARGV[7]) > 0 then
  redis.call('ZADD', KEYS[3], ARGV[7], ARGV[6])
  redis.call('PEXPIRE', KEYS[3], 60000)
else
  redis.call('ZREM', KEYS[3], ARGV[6])
end
local level = ''
local least = redis.call('ZRANGE', KEYS[3], 0, 1, 'WITHSCORES')
for i = #least - 1, 1, -2 do
  if least[i] ~= ARGV[6] then
    level = least[i + 1]
  end
end
local known = redis.call('HMGET', KEYS[1], 'rate', 'began', 'lowered', 'tokens', 'at')
local rate = tonumber(known[1] or 0)
-- Nothing that is known is of later than now, also after a failover to a clock that is behind.
local began, lowered = math.min(now, tonumber(known[2] or now)), math.min(now, tonumber(known[3] or now))
local first, part = tonumber(ARGV[1]), tonumber(ARGV[2])
if first > 0 and now - began < together then
  rate, lowered = rate + first, now
end
if rate == 0 then
  return {'', '0', '0', '0', tostring(sharers), level}
end
if part < 1 then
  lowered = now
end
rate = math.max(1, rate * part + tonumber(ARGV[3]))
local most = math.max(1, math.floor(rate * tonumber(ARGV[5])))
local at = tonumber(known[5] or now)
local tokens = math.min(most, tonumber(known[4] or 0) + math.max(0, now - at) * rate / 1000000)
local given = math.min(math.floor(tokens), tonumber(ARGV[4]))
tokens = tokens - given
local wait = 0
if tokens < 1 then
  wait = math.ceil((1 - tokens) * 1000000 / rate)
end
redis.call('HSET', KEYS[1], 'rate', string.format('%.6f', rate), 'began', string.format('%.0f', began), 'lowered', string.format('%.0f', lowered),
  'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], 86400000)
return {string.format('%.6f', rate), string.format('%.0f', now - lowered), tostring(given), tostring(wait), tostring(sharers), level}
