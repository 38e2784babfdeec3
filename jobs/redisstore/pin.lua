-- Pins people if the lease is current.
-- What the last run saw of them is forgotten: what an undo leaves is not what that run left, and the next one would take
-- it for somebody's edit at Tomorro.
-- KEYS: 1 lock, 2 pins, 3 facts
-- ARGV: 1 token of the lease, then for each person: OneLogin id, data (JSON)
-- Returns 1, or 0 when the lease is not current.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('HDEL', KEYS[3], ARGV[i])
end
return 1
