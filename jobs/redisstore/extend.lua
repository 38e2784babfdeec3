-- Extends the lock if the token still holds it.
-- KEYS: 1 lock
-- ARGV: 1 token, 2 time to live (milliseconds)
-- Returns 1 when extended, 0 when the lock is somebody else's or nobody's.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
