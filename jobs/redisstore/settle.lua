-- After writes: their outcomes, and what follows from them. An intent has one outcome, and one before it when nobody
-- knows it yet; another one is not stored. The lease is not asked for: what was done was done.
-- KEYS: 1 journal, 2 position, 3 touched, 4 claims, 5 open, 6 links, 7 decisions, then the budgets that the outcomes
--       name by the number of their key
-- ARGV: 1 now, 2 spendings older than this are forgotten (both Unix milliseconds); then for each outcome: the run of the
--       intent; the id of the intent, or empty to give the subjects back only; data (JSON); the run that settles it,
--       for which this is nothing new; the group that the write was about, or empty; 1 when nobody knows what became of
--       it, so that it stays open, else 0; the number of budgets, and for each the number of its key, how much was used,
--       and how much was set aside, of which the rest is given back; the number of links, and for each a OneLogin id and
--       an account; the number of identities that ended, and these; the number of approvals that it used up, and these;
--       the number of subjects, and these
-- Returns an empty string. As in claim.lua, all is read at once and stored at once.
local at, most = 2, 4000

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

local function load(key, fields)
  local values = {}
  for i = 1, #fields, most do
    for n, value in ipairs(redis.call('HMGET', key, unpack(fields, i, math.min(i + most - 1, #fields)))) do
      values[fields[i + n - 1]] = value
    end
  end
  return values
end

local function store(command, key, values)
  for i = 1, #values, most do
    redis.call(command, key, unpack(values, i, math.min(i + most - 1, #values)))
  end
end

local all, intents = {}, {}
while at < #ARGV do
  local o = {run = arg(), intent = arg(), data = arg(), by = arg(), group = arg(), stays = arg() == '1', budgets = list(3), links = list(2), ended = list(1), used = list(1), subjects = list(1)}
  all[#all + 1] = o
  if o.intent ~= '' then
    intents[#intents + 1] = o.intent
  end
end
local open, news, over, unknown, subjects = load(KEYS[5], intents), {}, {}, {}, {}
for _, o in ipairs(all) do
  if o.stays and open[o.intent] == '?' then
    open[o.intent] = false -- that was said before
  end
  if o.intent == '' or open[o.intent] then
    news[#news + 1] = o
    for _, subject in ipairs(o.subjects) do
      subjects[#subjects + 1] = subject
    end
  end
  if open[o.intent] and o.stays then
    unknown[#unknown + 1], unknown[#unknown + 2] = o.intent, '?'
  elseif open[o.intent] then
    over[#over + 1] = o.intent
  end
  open[o.intent] = false
end
if #news == 0 then
  return ''
end

local added, given, spent = {}, {}, {}
local function spend(o)
  for i = 1, #o.budgets, 3 do
    local key, used, aside = KEYS[tonumber(o.budgets[i])], tonumber(o.budgets[i + 1]), tonumber(o.budgets[i + 2])
    local adds, gives = added[key] or {}, given[key] or {}
    added[key], given[key], spent[key] = adds, gives, spent[key] or used > 0
    for n = 1, used do
      adds[#adds + 1], adds[#adds + 2] = ARGV[1], o.intent .. '/' .. n .. '/' .. o.group
    end
    for n = used + 1, aside do
      gives[#gives + 1] = o.intent .. '/' .. n .. '/' .. o.group
    end
  end
end

local owners, approvals = {}, {}
local function identify(o)
  for i = 1, #o.links, 2 do
    owners[o.links[i]] = o.links[i + 1]
  end
  for _, key in ipairs(o.ended) do
    owners[key] = false
  end
  for _, digest in ipairs(o.used) do
    approvals[#approvals + 1] = digest
  end
end

local claims, touched = load(KEYS[4], subjects), {} -- "until writes run" and "position run"
local position = redis.call('INCRBY', KEYS[2], #news) - #news
for i, o in ipairs(news) do
  spend(o)
  identify(o)
  local touch, only = string.format('%.0f ', position + i) .. o.by, ' 1 ' .. o.run
  for _, subject in ipairs(o.subjects) do
    touched[subject] = touch
    local claim = claims[subject]
    if claim and string.sub(claim, -#only) == only then -- as nearly always: nothing to take apart
      claims[subject] = false
    elseif claim then
      local till, writes, run = string.match(claim, '^(%d+) (%d+) (.*)$')
      if run == o.run then
        claims[subject] = till .. string.format(' %.0f ', tonumber(writes) - 1) .. run
      end
    end
  end
  if o.intent ~= '' then
    redis.call('XADD', KEYS[1], '*', 'kind', 'outcome', 'run', o.run, 'data', o.data)
  end
end

local touches, lives, free, links, ended = {}, {}, {}, {}, {}
for subject, touch in pairs(touched) do
  touches[#touches + 1], touches[#touches + 2] = subject, touch
  if claims[subject] then
    lives[#lives + 1], lives[#lives + 2] = subject, claims[subject]
  else
    free[#free + 1] = subject
  end
end
for key, account in pairs(owners) do
  if account then
    links[#links + 1], links[#links + 2] = key, account
  else
    ended[#ended + 1] = key
  end
end
store('HSET', KEYS[3], touches)
store('HSET', KEYS[4], lives)
store('HDEL', KEYS[4], free)
store('HDEL', KEYS[5], over)
store('HSET', KEYS[5], unknown)
store('HSET', KEYS[6], links)
store('HDEL', KEYS[6], ended)
store('HDEL', KEYS[7], approvals)
for key, adds in pairs(added) do
  store('ZADD', key, adds)
  store('ZREM', key, given[key])
  if spent[key] then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. ARGV[2])
  end
end
return ''
