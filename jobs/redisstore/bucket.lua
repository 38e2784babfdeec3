-- A token bucket: gives as many tokens as it has, at most as many as are asked for.
-- KEYS: 1 bucket, 2 sharers
-- ARGV: 1 tokens a second, 2 how many it saves up, 3 how many are asked for, 4 who asks
-- Returns how many are given, in how many microseconds there is another, and how many have asked in the last ten seconds.
-- An answer that is lost loses its tokens: fewer are used, never more.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local rate, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens') or most)
tokens = math.min(most, tokens + math.max(0, now - at) * rate / 1000000)
local given = math.min(math.floor(tokens), tonumber(ARGV[3]))
tokens = tokens - given
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - 10000000))
redis.call('PEXPIRE', KEYS[1], 60000 + math.ceil(2000 * most / rate))
redis.call('PEXPIRE', KEYS[2], 60000)
local wait = 0
if tokens < 1 then
  wait = math.ceil((1 - tokens) * 1000000 / rate)
end
return {given, wait, redis.call('ZCARD', KEYS[2])}
