-- Gives marks whose time has come to one who works them off. When its answer is lost they are given again after the lease.
-- KEYS: 1 marks, 2 due, 3 tries
-- ARGV: 1 how many at most, 2 how long nobody else is given them (milliseconds)
-- Returns for each mark its subject, its time (Unix milliseconds) and its "tries looks", or empty; what is due longest first.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if redis.call('ZCARD', KEYS[1]) ~= redis.call('ZCARD', KEYS[2]) then -- an older version made or forgot a mark
  for _, subject in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if not redis.call('ZSCORE', KEYS[1], subject) then
      redis.call('ZREM', KEYS[2], subject)
      redis.call('HDEL', KEYS[3], subject)
    end
  end
  local marks = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 1, #marks, 2 do
    if not redis.call('ZSCORE', KEYS[2], marks[i]) then
      redis.call('ZADD', KEYS[2], string.format('%.0f', math.min(now, tonumber(marks[i + 1]))), marks[i])
    end
  end
end
local ahead = '(' .. string.format('%.0f', now + 86400000) -- nobody waits that long, but for what a clock said that was ahead
for _, subject in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], ahead, '+inf')) do
  redis.call('ZADD', KEYS[2], string.format('%.0f', now), subject)
end
local answer, till = {}, string.format('%.0f', now + tonumber(ARGV[2]))
for _, subject in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[1])) do
  local position = redis.call('ZSCORE', KEYS[1], subject)
  if position then
    redis.call('ZADD', KEYS[2], till, subject)
    answer[#answer + 1] = subject
    answer[#answer + 1] = string.format('%.0f', tonumber(position))
    answer[#answer + 1] = redis.call('HGET', KEYS[3], subject) or ''
  else
    redis.call('ZREM', KEYS[2], subject)
    redis.call('HDEL', KEYS[3], subject)
  end
end
return answer
