-- After writes: their outcomes, and what follows from them. An intent has one outcome; a second one is not stored. The
-- lease is not asked for: what was done was done.
-- KEYS: 1 journal, 2 position, 3 touched, 4 claims, 5 open, 6 links, 7 decisions, then the budgets that the outcomes
--       name by the number of their key
-- ARGV: 1 now, 2 spendings older than this are forgotten (both Unix milliseconds); then for each outcome: the run of the
--       intent; the id of the intent, or empty to give the subjects back only; data (JSON); the run that settles it,
--       for which this is nothing new; the group that the write was about, or empty; the number of budgets, and for
--       each the number of its key, how much was used, and how much was set aside, of which the rest is given back; the
--       number of links, and for each a OneLogin id and an account; the number of identities that ended, and these; the
--       number of approvals that it used up, and these; the number of subjects, and these
-- Returns an empty string.
local at = 2

local function arg()
  at = at + 1
  return ARGV[at]
end

local function list(width)
  local all = {}
  for i = 1, width * tonumber(arg()) do
    all[i] = arg()
  end
  return all
end

local function spend(key, intent, group, used, aside)
  for n = 1, used do
    redis.call('ZADD', key, ARGV[1], intent .. '/' .. n .. '/' .. group)
  end
  for n = used + 1, aside do
    redis.call('ZREM', key, intent .. '/' .. n .. '/' .. group)
  end
  if used > 0 then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. ARGV[2])
  end
end

local function giveBack(subject, touch, of)
  redis.call('HSET', KEYS[3], subject, touch)
  local claim = redis.call('HGET', KEYS[4], subject)
  if not claim then
    return
  end
  local till, writes, run = string.match(claim, '^(%d+) (%d+) (.*)$')
  if run == of and tonumber(writes) > 1 then
    redis.call('HSET', KEYS[4], subject, till .. ' ' .. string.format('%.0f', tonumber(writes) - 1) .. ' ' .. run)
  elseif run == of then
    redis.call('HDEL', KEYS[4], subject)
  end
end

while at < #ARGV do
  local run, intent, data, by, group = arg(), arg(), arg(), arg(), arg()
  local budgets, links, ended, used, subjects = list(3), list(2), list(1), list(1), list(1)
  if intent == '' or redis.call('HDEL', KEYS[5], intent) == 1 then
    for i = 1, #budgets, 3 do
      spend(KEYS[tonumber(budgets[i])], intent, group, tonumber(budgets[i + 1]), tonumber(budgets[i + 2]))
    end
    for i = 1, #links, 2 do
      redis.call('HSET', KEYS[6], links[i], links[i + 1])
    end
    for _, key in ipairs(ended) do
      redis.call('HDEL', KEYS[6], key)
    end
    for _, digest in ipairs(used) do
      redis.call('HDEL', KEYS[7], digest)
    end
    local touch = string.format('%.0f', redis.call('INCR', KEYS[2])) .. ' ' .. by
    for _, subject in ipairs(subjects) do
      giveBack(subject, touch, run)
    end
    if intent ~= '' then
      redis.call('XADD', KEYS[1], '*', 'kind', 'outcome', 'run', run, 'data', data)
    end
  end
end
return ''
