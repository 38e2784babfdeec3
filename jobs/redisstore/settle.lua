-- After a write: its outcome, and what follows from it. An intent has one outcome; a second one is not stored. The
-- lease is not asked for: what was done was done.
-- KEYS: 1 journal, 2 position, 3 touched, 4 claims, 5 open, 6 links, 7 decisions, then one budget for each limit
-- ARGV: 1 run of the intent, 2 id of the intent, or empty to give the subjects back only, 3 data (JSON), 4 now (Unix
--       milliseconds), 5 spendings older than this are forgotten (Unix milliseconds), 6 number of links, 7 number of
--       identities that ended, 8 run that settles it, for which this is nothing new, 9 group that the write was about,
--       or empty, 10 number of approvals that it used up, then for each budget how much was used, and how much was set
--       aside, of which the rest is given back; for each link a OneLogin id and an account; each ended identity, each
--       used approval, and the subjects
-- Returns the id of the outcome, or empty when the intent has one already.
if ARGV[2] ~= '' and redis.call('HDEL', KEYS[5], ARGV[2]) == 0 then
  return ''
end
local at = 11
for i = 8, #KEYS do
  for n = 1, tonumber(ARGV[at]) do
    redis.call('ZADD', KEYS[i], ARGV[4], ARGV[2] .. '/' .. n .. '/' .. ARGV[9])
  end
  for n = tonumber(ARGV[at]) + 1, tonumber(ARGV[at + 1]) do
    redis.call('ZREM', KEYS[i], ARGV[2] .. '/' .. n .. '/' .. ARGV[9])
  end
  if tonumber(ARGV[at]) > 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', '(' .. ARGV[5])
  end
  at = at + 2
end
for _ = 1, tonumber(ARGV[6]) do
  redis.call('HSET', KEYS[6], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, tonumber(ARGV[7]) do
  redis.call('HDEL', KEYS[6], ARGV[at])
  at = at + 1
end
for _ = 1, tonumber(ARGV[10]) do
  redis.call('HDEL', KEYS[7], ARGV[at])
  at = at + 1
end
local position = string.format('%.0f', redis.call('INCR', KEYS[2]))
for i = at, #ARGV do
  redis.call('HSET', KEYS[3], ARGV[i], position .. ' ' .. ARGV[8])
  local claim = redis.call('HGET', KEYS[4], ARGV[i])
  if claim then
    local till, writes, run = string.match(claim, '^(%d+) (%d+) (.*)$')
    if run == ARGV[1] and tonumber(writes) > 1 then
      redis.call('HSET', KEYS[4], ARGV[i], till .. ' ' .. string.format('%.0f', tonumber(writes) - 1) .. ' ' .. run)
    elseif run == ARGV[1] then
      redis.call('HDEL', KEYS[4], ARGV[i])
    end
  end
end
if ARGV[2] == '' then
  return ''
end
return redis.call('XADD', KEYS[1], '*', 'kind', 'outcome', 'run', ARGV[1], 'data', ARGV[3])
