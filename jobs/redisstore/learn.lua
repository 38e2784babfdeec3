-- Remembers what a run saw of OneLogin, if the lease is current.
-- KEYS: 1 lock, 2 facts, 3 pulls
-- ARGV: 1 token of the lease; 2 counts of the pull (JSON), or empty; 3 how many pulls are kept; 4 number of fields to
--       forget, then these, then a field and its value each
-- Returns 1, or 0 when the lease is not current.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] ~= '' and redis.call('LINDEX', KEYS[3], 0) ~= ARGV[2] then -- else asked again because the answer was lost
  redis.call('LPUSH', KEYS[3], ARGV[2])
  redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[3]) - 1)
end
local at = 5
for _ = 1, tonumber(ARGV[4]) do
  redis.call('HDEL', KEYS[2], ARGV[at])
  at = at + 1
end
for i = at, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
return 1
