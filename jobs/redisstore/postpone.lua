-- Says when to look again at those whose mark is still the one that was looked at.
-- KEYS: 1 marks, 2 due, 3 tries
-- ARGV: for each mark its subject, its time (Unix milliseconds), after how long to look (milliseconds), its tries and
--       its looks from now on
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for i = 1, #ARGV, 5 do
  if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or -1) == tonumber(ARGV[i + 1]) then
    redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[i + 2])), ARGV[i])
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 3] .. ' ' .. ARGV[i + 4])
  end
end
return ''
