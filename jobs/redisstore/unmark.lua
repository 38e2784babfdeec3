-- After a run: the marks that it saw are forgotten, but for those whose subject somebody else wrote since the run's
-- snapshot, or may be writing now by an older look: "nothing to do" must not be overtaken either. These are due soon.
-- KEYS: 1 touched, 2 claims, 3 marks, 4 due, 5 tries
-- ARGV: 1 run, 2 position of its snapshot, then a subject and the time of its mark (Unix milliseconds) each
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local subjects, whom = {}, {}
for i = 3, #ARGV, 2 do
  subjects[#subjects + 1] = ARGV[i]
  whom[#whom + 1] = string.gsub(ARGV[i], '^updated ', '') -- whom the fast pass marked
end
if #subjects == 0 then
  return ''
end
local marked = redis.call('ZMSCORE', KEYS[3], unpack(subjects))
local touched = redis.call('HMGET', KEYS[1], unpack(whom)) -- "position run"
local claims = redis.call('HMGET', KEYS[2], unpack(whom)) -- "until writes run"
local done, later = {}, {}
for i, subject in ipairs(subjects) do
  local same = tonumber(marked[i] or -1) == tonumber(ARGV[2 * i + 2])
  local over = same
  if touched[i] then
    local position, run = string.match(touched[i], '^(%d+) (.*)$')
    over = over and (run == ARGV[1] or tonumber(position) <= tonumber(ARGV[2]))
  end
  if claims[i] then
    local till, _, run = string.match(claims[i], '^(%d+) (%d+) (.*)$')
    over = over and (run == ARGV[1] or tonumber(till) <= now or tonumber(till) > now + 86400000) -- as in claim.lua
  end
  if over then
    done[#done + 1] = subject
  elseif same then
    later[#later + 1], later[#later + 2] = string.format('%.0f', now + 250), subject
  end
end
if #done > 0 then
  redis.call('ZREM', KEYS[3], unpack(done))
  redis.call('ZREM', KEYS[4], unpack(done))
  redis.call('HDEL', KEYS[5], unpack(done))
end
if #later > 0 then
  redis.call('ZADD', KEYS[4], 'LT', unpack(later))
end
return ''
