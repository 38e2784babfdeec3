-- Releases the lock if the token still holds it.
-- KEYS: 1 lock
-- ARGV: 1 token
-- Returns 1 when released, 0 when the lock is somebody else's or nobody's.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
