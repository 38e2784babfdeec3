-- Remembers how far fast passes have read. It never goes back: a slow pass may end after its successor.
-- KEYS: 1 fast
-- ARGV: 1 until when everything was read (Unix milliseconds)
if tonumber(redis.call('HGET', KEYS[1], 'read') or '0') < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'read', ARGV[1])
end
return ''
