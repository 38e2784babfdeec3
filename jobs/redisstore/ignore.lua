-- Remembers what Tomorro did not keep, and forgets what is of no interest any more, if the lease is current.
-- KEYS: 1 lock, 2 ignored
-- ARGV: 1 token of the lease, then for each effect: its name, and what is remembered of it or empty to forget it
-- Returns 1, or 0 when the lease is not current.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[i])
  else
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
return 1
