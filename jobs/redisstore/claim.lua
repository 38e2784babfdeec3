-- Before writes: may they be made, and if so, who is being written and with what intent. Each claim is all or nothing,
-- and follows from those before it.
-- KEYS: 1 lock, 2 journal, 3 position, 4 touched, 5 claims, 6 open, 7 marks, 8 due, 9 the answer to this call, then the
--       budgets that the claims name by the number of their key
-- ARGV: 1 token of the lease, or empty for a writer without the lock; 2 life of the answer (milliseconds); 3 time of
--       what is set aside (Unix milliseconds); then for each claim: its run; the position of the snapshot that the
--       write follows from; its life (milliseconds); data (JSON), or empty to take the subjects without an intent,
--       whoever wrote them before; what was used from then on counts (Unix milliseconds); the group that the write is
--       about, or empty; the number of budgets, and for each the number of its key, its limit, a number, how much may
--       be used at most or empty, and 'group' when only this group's counts, else empty; the number of subjects, and these
-- Returns for each claim {id of the intent}; {'', 'taken', last touch of each subject before or empty...} without an
-- intent; {'', 'lost'} when the lease is not current; {'', 'newer', subjects...} with those that somebody else wrote
-- since the snapshot or is writing now, who are marked for another look, and due; or {'', 'over', limit} when what the
-- write uses of a limit is not there any more. A call that is asked again because the answer was lost gets the same.
-- What a script costs is its calls of Redis: all is read at once, decided here, and stored at once.
local lost = ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1]
local answer = not lost and redis.call('GET', KEYS[9])
if answer then
  return cjson.decode(answer)
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ahead = now + 86400000 -- no claim lives that long, but for what a clock said that was ahead
local position, at, most = tonumber(redis.call('GET', KEYS[3]) or 0), 3, 4000 -- Lua unpacks no more than 8000

local function arg()
  at = at + 1
  return ARGV[at]
end

local function read()
  local c = {run = arg(), seen = tonumber(arg()), life = tonumber(arg()), data = arg(), since = arg(), group = arg(), budgets = {}, subjects = {}}
  for i = 1, tonumber(arg()) do
    c.budgets[i] = {key = KEYS[tonumber(arg())], limit = arg(), uses = tonumber(arg()), most = tonumber(arg()), grouped = arg() ~= ''}
  end
  for i = 1, tonumber(arg()) do
    c.subjects[i] = arg()
  end
  return c
end

local function load(key, fields)
  local values = {}
  for i = 1, #fields, most do
    for n, value in ipairs(redis.call('HMGET', key, unpack(fields, i, math.min(i + most - 1, #fields)))) do
      values[fields[i + n - 1]] = value
    end
  end
  return values
end

local function store(command, key, list, option)
  for i = 1, #list, most do
    if option then
      redis.call(command, key, option, unpack(list, i, math.min(i + most - 1, #list)))
    else
      redis.call(command, key, unpack(list, i, math.min(i + most - 1, #list)))
    end
  end
end

local all, subjects, known = {}, {}, {}
while at < #ARGV do
  local c = read()
  all[#all + 1] = c
  for _, subject in ipairs(c.subjects) do
    if not known[subject] then
      known[subject] = true
      subjects[#subjects + 1] = subject
    end
  end
end
local touched, claims = load(KEYS[4], subjects), load(KEYS[5], subjects) -- "position run" and "until writes run"
local held, marks, due, open, aside, adds = {}, {}, {}, {}, {}, {}

-- Positions are times that never come twice and never go back, whatever the clock does: a mark is younger than each
-- snapshot that was taken before it, also within one millisecond and after a failover to a clock that is behind.
local function step()
  position = math.max(now, position + 1)
  return string.format('%.0f', position)
end

local function newer(c) -- and what is known of each subject
  local busy, touches, ours = {'', 'newer'}, {'', 'taken'}, ' ' .. c.run
  local function whose(text) -- a look at the end is cheaper than taking it apart
    return text and string.sub(text, -#ours) ~= ours and string.match(text, '^(%d+) ')
  end
  for i, subject in ipairs(c.subjects) do
    touches[i + 2] = touched[subject] or ''
    local written, till = c.data ~= '' and whose(touched[subject]), whose(claims[subject])
    if written and tonumber(written) > c.seen or till and tonumber(till) > now and tonumber(till) <= ahead then
      busy[#busy + 1] = subject
    end
  end
  return busy, touches
end

local counted = {}
local function used(b, c) -- and is set aside by claims before this one
  local of = b.grouped and b.key .. ' ' .. c.group or b.key
  local name = c.since .. ' ' .. of
  if not counted[name] and not b.grouped then
    counted[name] = redis.call('ZCOUNT', b.key, c.since, '+inf')
  elseif not counted[name] then
    counted[name] = 0
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', b.key, c.since, '+inf')) do
      if string.match(member, '^[^/]*/[^/]*/(.*)$') == c.group then
        counted[name] = counted[name] + 1
      end
    end
  end
  return counted[name] + (aside[of] or 0)
end

local function over(c)
  for _, b in ipairs(c.budgets) do
    if b.most and used(b, c) + b.uses > b.most then
      return b.limit
    end
  end
end

local function mark(busy)
  local marked = step()
  for i = 3, #busy do
    marks[#marks + 1], marks[#marks + 2] = marked, busy[i]
    due[#due + 1], due[#due + 2] = string.format('%.0f', now), busy[i]
  end
end

local function hold(c)
  local touch, first = step() .. ' ' .. c.run, string.format('%.0f 1 ', now + c.life) .. c.run
  for _, subject in ipairs(c.subjects) do
    local till, writes, run = string.match(claims[subject] or '', '^(%d+) (%d+) (.*)$')
    held[subject], touched[subject] = true, touch
    if run == c.run then -- a life of its own that is longer is not cut short
      claims[subject] = string.format('%.0f %.0f ', math.max(now + c.life, tonumber(till)), tonumber(writes) + 1) .. c.run
    else
      claims[subject] = first
    end
  end
end

local function intend(c)
  local id = redis.call('XADD', KEYS[2], '*', 'kind', 'intent', 'run', c.run, 'data', c.data)
  open[#open + 1], open[#open + 2] = id, c.run
  for _, b in ipairs(c.budgets) do -- the members that settling it as done adds
    local list, of = adds[b.key] or {}, b.key .. ' ' .. c.group
    adds[b.key] = list
    for n = 1, b.uses do
      list[#list + 1], list[#list + 2] = ARGV[3], id .. '/' .. n .. '/' .. c.group
    end
    aside[b.key], aside[of] = (aside[b.key] or 0) + b.uses, (aside[of] or 0) + b.uses
  end
  return {id}
end

local answers = {}
for i, c in ipairs(all) do
  answers[i] = {'', 'lost'}
  if not lost then
    local busy, touches = newer(c)
    local limit = #busy == 2 and over(c)
    if limit then
      answers[i] = {'', 'over', limit}
    elseif #busy > 2 then
      mark(busy)
      answers[i] = busy
    else
      hold(c)
      answers[i] = c.data == '' and touches or intend(c)
    end
  end
end
if lost then
  return answers
end
local touches, lives = {}, {}
for subject in pairs(held) do
  touches[#touches + 1], touches[#touches + 2] = subject, touched[subject]
  lives[#lives + 1], lives[#lives + 2] = subject, claims[subject]
end
store('HSET', KEYS[4], touches)
store('HSET', KEYS[5], lives)
store('HSET', KEYS[6], open)
store('ZADD', KEYS[7], marks)
store('ZADD', KEYS[8], due, 'LT')
for key, list in pairs(adds) do
  store('ZADD', key, list)
end
redis.call('SET', KEYS[3], string.format('%.0f', position))
redis.call('SET', KEYS[9], cjson.encode(answers), 'PX', ARGV[2])
return answers
