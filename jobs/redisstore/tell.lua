-- Stores what was told of alerts, and lets others tell.
-- KEYS: 1 who is telling, 2 what was told
-- ARGV: 1 the teller's token, 2 what was told
-- Returns 1 when stored, also when that was asked before and the answer was lost;
-- 0 when the teller's time is over.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('DEL', KEYS[1])
  return 1
end
if redis.call('GET', KEYS[2]) == ARGV[2] then
  return 1
end
return 0
