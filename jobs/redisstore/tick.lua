-- Takes one tick of the schedule for one replica.
-- KEYS: 1 schedule, 2 lock
-- ARGV: 1 tick, 2 now, 3 how long its run may take to begin (all milliseconds), 4 'due' for a tick
--       that has just come, else 'run' or 'skip': what becomes of one that is late, 5 name of this call
-- Returns 'run' when the caller is to run, 'late' when it is late and not to be run, 'paused', 'done' when it was
-- run, 'taken' when another replica has it, 'first' on the first tick ever, which sets the beginning.
local tick, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local ahead = tick + 86400000 -- what is remembered of later than that is of a clock that was wrong
local done = redis.call('HGET', KEYS[1], 'done')
if done and tonumber(done) > ahead then
  done = nil
end
if not done and ARGV[4] ~= 'due' then
  redis.call('HSET', KEYS[1], 'done', ARGV[2])
  return 'first'
end
if done and tonumber(done) >= tick then
  return 'done'
end
if redis.call('HGET', KEYS[1], 'paused') then
  redis.call('HSET', KEYS[1], 'done', ARGV[1])
  return 'paused'
end
if redis.call('HGET', KEYS[1], 'by') == ARGV[5] then -- asked again because the answer was lost
  return 'run'
end
local taken = tonumber(redis.call('HGET', KEYS[1], 'taken') or '0')
local till = tonumber(redis.call('HGET', KEYS[1], 'till') or '0')
if taken >= tick and taken <= ahead and (till > now or redis.call('EXISTS', KEYS[2]) == 1) then
  return 'taken'
end
if ARGV[4] == 'skip' then
  redis.call('HSET', KEYS[1], 'done', ARGV[1])
  return 'late'
end
redis.call('HSET', KEYS[1], 'taken', ARGV[1], 'till', string.format('%.0f', now + tonumber(ARGV[3])), 'by', ARGV[5])
return 'run'
