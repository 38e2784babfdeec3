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
local lost = ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1]
local answer = not lost and redis.call('GET', KEYS[9])
if answer then
  return cjson.decode(answer)
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local position, at = tonumber(redis.call('GET', KEYS[3]) or 0), 3

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

-- Positions are times that never come twice and never go back, whatever the clock does: a mark is younger than each
-- snapshot that was taken before it, also within one millisecond and after a failover to a clock that is behind.
local function step()
  position = math.max(now, position + 1)
  return string.format('%.0f', position)
end

local function newer(c) -- and what is known of each subject
  local busy, touches = {'', 'newer'}, {'', 'taken'}
  for i, subject in ipairs(c.subjects) do
    local free = true
    local last = redis.call('HGET', KEYS[4], subject) -- "position run"
    touches[i + 2] = last or ''
    if last and c.data ~= '' then
      local written, run = string.match(last, '^(%d+) (.*)$')
      free = run == c.run or tonumber(written) <= c.seen
    end
    local claim = redis.call('HGET', KEYS[5], subject) -- "until writes run"
    if claim then
      local till, writes, run = string.match(claim, '^(%d+) (%d+) (.*)$')
      if run == c.run then
        c[subject] = {tonumber(till), tonumber(writes)}
      elseif tonumber(till) > now then
        free = false
      end
    end
    if not free then
      busy[#busy + 1] = subject
    end
  end
  return busy, touches
end

local function over(c)
  for _, b in ipairs(c.budgets) do
    if b.most then
      local used = 0
      if not b.grouped then
        used = redis.call('ZCOUNT', b.key, c.since, '+inf')
      else
        for _, member in ipairs(redis.call('ZRANGEBYSCORE', b.key, c.since, '+inf')) do
          if string.match(member, '^[^/]*/[^/]*/(.*)$') == c.group then
            used = used + 1
          end
        end
      end
      if used + b.uses > b.most then
        return b.limit
      end
    end
  end
end

local function mark(busy)
  local marked = step()
  for i = 3, #busy do
    redis.call('ZADD', KEYS[7], marked, busy[i])
    if tonumber(redis.call('ZSCORE', KEYS[8], busy[i]) or now) >= now then
      redis.call('ZADD', KEYS[8], string.format('%.0f', now), busy[i])
    end
  end
end

local function hold(c)
  local touch = step() .. ' ' .. c.run
  for _, subject in ipairs(c.subjects) do
    local mine = c[subject] or {0, 0} -- its own is not cut short
    redis.call('HSET', KEYS[4], subject, touch)
    redis.call('HSET', KEYS[5], subject, string.format('%.0f %.0f ', math.max(now + c.life, mine[1]), mine[2] + 1) .. c.run)
  end
end

local function intend(c)
  local id = redis.call('XADD', KEYS[2], '*', 'kind', 'intent', 'run', c.run, 'data', c.data)
  redis.call('HSET', KEYS[6], id, c.run)
  for _, b in ipairs(c.budgets) do -- the members that settling it as done adds
    for n = 1, b.uses do
      redis.call('ZADD', b.key, ARGV[3], id .. '/' .. n .. '/' .. c.group)
    end
  end
  return {id}
end

local answers = {}
while at < #ARGV do
  local c = read()
  local said = {'', 'lost'}
  if not lost then -- all is looked at before anything is stored
    local busy, touches = newer(c)
    local limit = #busy == 2 and over(c)
    if limit then
      said = {'', 'over', limit}
    elseif #busy > 2 then
      mark(busy)
      said = busy
    else
      hold(c)
      said = c.data == '' and touches or intend(c)
    end
  end
  answers[#answers + 1] = said
end
if not lost then
  redis.call('SET', KEYS[3], string.format('%.0f', position))
  redis.call('SET', KEYS[9], cjson.encode(answers), 'PX', ARGV[2])
end
return answers
