-- Takes the lock if nobody holds it.
-- KEYS: 1 lock, 2 fence
-- ARGV: 1 holder, 2 now (Unix milliseconds), 3 time to live (milliseconds), 4 name of this call
-- Returns {fence, token} when taken, else {0, the holder's token, its remaining time in milliseconds}.
local held = redis.call('GET', KEYS[1])
if held then
  local fence, call = string.match(held, '^(%d+) %d+ (%S+) ')
  if call == ARGV[4] then -- asked again because the answer was lost
    return {tonumber(fence), held, 0}
  end
  return {0, held, redis.call('PTTL', KEYS[1])}
end
local fence = redis.call('INCR', KEYS[2])
if fence == 1 then
  -- The first lease ever, or the first after a loss of Redis: begin above what was given before.
  fence = math.floor(tonumber(ARGV[2]) / 1000)
  redis.call('SET', KEYS[2], string.format('%.0f', fence))
end
local token = string.format('%.0f', fence) .. ' ' .. ARGV[2] .. ' ' .. ARGV[4] .. ' ' .. ARGV[1]
redis.call('SET', KEYS[1], token, 'PX', ARGV[3])
return {fence, token, 0}
