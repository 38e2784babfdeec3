-- Asks for a look at subjects, and remembers what is asserted with it.
-- KEYS: 1 position, 2 marks, 3 due, 4 tries, 5 assertions
-- ARGV: 1 how long others wait before they look (milliseconds), then for each mark its subject, how many looks it is to have
--       at least, the number of assertions and these, each with its value
-- Returns for each mark its time (Unix milliseconds) and its "tries looks", or empty.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- As in claim.lua: a time that never comes twice and never goes back.
local position = string.format('%.0f', math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0) + 1))
redis.call('SET', KEYS[1], position)
local subjects, looks, marks, due, assertions, at = {}, {}, {}, {}, {}, 2
while at <= #ARGV do
  local subject = ARGV[at]
  subjects[#subjects + 1], looks[#looks + 1] = subject, tonumber(ARGV[at + 1])
  marks[#marks + 1], marks[#marks + 2] = position, subject
  due[#due + 1], due[#due + 2] = string.format('%.0f', now + tonumber(ARGV[1])), subject
  for i = at + 3, at + 2 + 2 * tonumber(ARGV[at + 2]) do
    assertions[#assertions + 1] = ARGV[i]
  end
  at = at + 3 + 2 * tonumber(ARGV[at + 2])
end
if #subjects == 0 then
  return {}
end
local over = {}
for i, score in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(subjects))) do
  if not score then -- what an older version left of one that is over
    over[#over + 1] = subjects[i]
  end
end
if #over > 0 then
  redis.call('ZREM', KEYS[3], unpack(over))
  redis.call('HDEL', KEYS[4], unpack(over))
end
redis.call('ZADD', KEYS[2], unpack(marks))
redis.call('ZADD', KEYS[3], 'LT', unpack(due))
for i = 1, #assertions, 4000 do -- Lua unpacks no more than 8000
  redis.call('HSET', KEYS[5], unpack(assertions, i, math.min(i + 3999, #assertions)))
end
local answer = {}
for i, known in ipairs(redis.call('HMGET', KEYS[4], unpack(subjects))) do
  local tries, more = string.match(known or '', '^(%d+) (%d+)$')
  if looks[i] > tonumber(more or 0) then -- whoever marks the subject after this has them as well
    known = (tries or '0') .. ' ' .. string.format('%d', looks[i])
    redis.call('HSET', KEYS[4], subjects[i], known)
  end
  answer[#answer + 1], answer[#answer + 2] = position, known or ''
end
return answer
