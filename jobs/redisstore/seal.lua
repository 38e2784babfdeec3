-- Adds a seal if nobody has added one meanwhile.
-- KEYS: 1 seals
-- ARGV: 1 the seal that is thought to be the last, or empty for none; 2 the new one
-- Returns 1, or 0 when another is the last.
local last = redis.call('LINDEX', KEYS[1], -1) or ''
if last ~= ARGV[1] then
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[2])
return 1
