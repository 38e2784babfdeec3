-- After a run: the marks that it saw are forgotten, but for those whose subject somebody else wrote since the run's
-- snapshot, or may be writing now by an older look: "nothing to do" must not be overtaken either. These are due soon.
-- KEYS: 1 touched, 2 claims, 3 marks, 4 due, 5 tries
-- ARGV: 1 run, 2 position of its snapshot, then a subject and the time of its mark (Unix milliseconds) each
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for i = 3, #ARGV, 2 do
  local same = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[i]) or -1) == tonumber(ARGV[i + 1])
  local over, soon = same, now + 250
  local who = string.gsub(ARGV[i], '^updated ', '') -- whom the fast pass marked
  local last = redis.call('HGET', KEYS[1], who) -- "position run"
  if last then
    local position, run = string.match(last, '^(%d+) (.*)$')
    over = over and (run == ARGV[1] or tonumber(position) <= tonumber(ARGV[2]))
  end
  local claim = redis.call('HGET', KEYS[2], who) -- "until writes run"
  if claim then
    local till, _, run = string.match(claim, '^(%d+) (%d+) (.*)$')
    over = over and (run == ARGV[1] or tonumber(till) <= now)
  end
  if over then
    redis.call('ZREM', KEYS[3], ARGV[i])
    redis.call('ZREM', KEYS[4], ARGV[i])
    redis.call('HDEL', KEYS[5], ARGV[i])
  elseif same and tonumber(redis.call('ZSCORE', KEYS[4], ARGV[i]) or soon) >= soon then
    redis.call('ZADD', KEYS[4], string.format('%.0f', soon), ARGV[i])
  end
end
return ''
