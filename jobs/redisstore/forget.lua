-- Forgets subjects that are named by a value of a person, but for those that somebody is at work on.
-- KEYS: 1 marks, 2 due, 3 tries, 4 touched, 5 claims
-- ARGV: the subjects
-- Returns how many somebody is at work on.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local busy = 0
for i = 1, #ARGV do
  local claim = redis.call('HGET', KEYS[5], ARGV[i]) -- "until writes run"
  local till = claim and tonumber(string.match(claim, '^(%d+) ')) or 0
  if till > now and till <= now + 86400000 then -- as in claim.lua
    busy = busy + 1
  else
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
    for k = 3, 5 do
      redis.call('HDEL', KEYS[k], ARGV[i])
    end
  end
end
return busy
