-- Counts the pulse of a process, and looks whether Redis remembers what it had confirmed to it. When it does not, and
-- nobody has found that yet, the schedule is paused at once: the process may not live to do so.
-- KEYS: 1 pulse, 2 schedule
-- ARGV: 1 number to count; 2 its life (milliseconds); 3 the last number that was confirmed, 0 if it has ended by itself;
--       4 the last loss that it knows of; 5 now (Unix milliseconds); 6 who pauses
-- Returns '1' when there was a loss since the process looked last, whoever found it, else '0'; and the last loss that
-- was found.
local there, found, known = tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(redis.call('HGET', KEYS[2], 'loss') or 0), tonumber(ARGV[4])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if there < tonumber(ARGV[3]) and found <= known then
  found = math.max(tonumber(ARGV[5]), known + 1)
  redis.call('HSET', KEYS[2], 'paused', ARGV[5] .. ' ' .. ARGV[6], 'loss', string.format('%.0f', found))
end
return {found > known and '1' or '0', string.format('%.0f', found)}
