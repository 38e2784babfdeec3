-- Counts the pulse of a process, and looks whether Redis remembers what it had confirmed to it. When it does not, and
-- nobody has found that yet, the schedule is paused at once: the process may not live to do so.
-- KEYS: 1 pulse, 2 schedule, 3 journal, 4 position
-- ARGV: 1 number to count; 2 its life (milliseconds); 3 the last number that was confirmed, 0 if it has ended by itself;
--       4 the one that was confirmed before it; 5 what the process saw then of what matters, 6 and at the one before;
--       7 '1' when it has written since what matters, else '0'; 8 the last loss that it knows of; 9 now (Unix
--       milliseconds); 10 who pauses
-- Replication is late: a failover may lose no more than the last number. That is no loss when what matters is as it
-- was then, or was then as it was before. It is not known what another process wrote after that.
-- Returns '1' when there was a loss since the process looked last, whoever found it, else '0'; the last loss that was
-- found; and what it sees now of what matters.
local function matters()
  local tail = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
  return (tail and tail[1] or '') .. ' ' .. (redis.call('GET', KEYS[4]) or '') .. ' ' .. (redis.call('HGET', KEYS[2], 'paused') or '')
end
local there, found, known = tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(redis.call('HGET', KEYS[2], 'loss') or 0), tonumber(ARGV[8])
local lost = there < tonumber(ARGV[3])
if lost and there >= tonumber(ARGV[4]) and ARGV[7] == '0' then
  lost = ARGV[5] ~= ARGV[6] and ARGV[5] ~= matters()
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if lost and found <= known then
  found = math.max(tonumber(ARGV[9]), known + 1)
  redis.call('HSET', KEYS[2], 'paused', ARGV[9] .. ' ' .. ARGV[10], 'loss', string.format('%.0f', found))
end
return {found > known and '1' or '0', string.format('%.0f', found), matters()}
