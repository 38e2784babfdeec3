-- Asks for a look at subjects, and remembers what is asserted with it.
-- KEYS: 1 position, 2 marks, 3 due, 4 tries, 5 assertions
-- ARGV: 1 how long others wait before they look (milliseconds), then for each mark its subject, the number of assertions
--       and these, each with its value
-- Returns for each mark its time (Unix milliseconds) and its "tries looks", or empty.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- As in claim.lua: a time that never comes twice and never goes back.
local position = string.format('%.0f', math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0) + 1))
redis.call('SET', KEYS[1], position)
local due, answer, at = now + tonumber(ARGV[1]), {}, 2
while at <= #ARGV do
  local subject = ARGV[at]
  if not redis.call('ZSCORE', KEYS[2], subject) then -- what an older version left of one that is over
    redis.call('ZREM', KEYS[3], subject)
    redis.call('HDEL', KEYS[4], subject)
  end
  redis.call('ZADD', KEYS[2], position, subject)
  if tonumber(redis.call('ZSCORE', KEYS[3], subject) or due) >= due then
    redis.call('ZADD', KEYS[3], string.format('%.0f', due), subject)
  end
  at = at + 1
  for _ = 1, tonumber(ARGV[at]) do
    redis.call('HSET', KEYS[5], ARGV[at + 1], ARGV[at + 2])
    at = at + 2
  end
  at = at + 1
  answer[#answer + 1] = position
  answer[#answer + 1] = redis.call('HGET', KEYS[4], subject) or ''
end
return answer
