-- Asks for a run, unless one is asked for.
-- KEYS: 1 wish
-- ARGV: 1 name of this call, which becomes the wish's id, 2 by, 3 who
-- Returns 1 when it was stored, else 0.
local id = redis.call('HGET', KEYS[1], 'id')
if id == ARGV[1] then -- asked again because the answer was lost
  return 1
end
if id and not redis.call('HGET', KEYS[1], 'over') then
  return 0
end
local time = redis.call('TIME')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'by', ARGV[2], 'who', ARGV[3],
  'since', string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)))
return 1
