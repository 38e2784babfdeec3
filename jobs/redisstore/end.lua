-- Forgets assertions, but not those that were replaced since.
-- KEYS: 1 assertions
-- ARGV: each with the value that it had
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return ''
