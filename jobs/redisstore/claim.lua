-- Before a write: may it be made, and if so, who is being written and with what intent. All or nothing.
-- KEYS: 1 lock, 2 journal, 3 position, 4 touched, 5 claims, 6 open, 7 marks, 8 due, 9 the answer to this call, then one
--       budget for each limit that the write uses
-- ARGV: 1 token of the lease, or empty for a writer without the lock; 2 run; 3 position of the snapshot that the
--       write follows from; 4 life of the claim; 5 life of the answer (both milliseconds); 6 data (JSON), or empty to
--       take the subjects without an intent, whoever wrote them before; 7 time of what is set aside; 8 what was used
--       from then on counts (both Unix milliseconds); 9 group that the write is about, or empty; then for each budget
--       its limit, a number, how much may be used at most or empty, and 'group' when only this group's counts, else
--       empty; then the subjects
-- Returns {id of the intent}; {'', 'taken', last touch of each subject before or empty...} without an intent;
-- {'', 'lost'} when the lease is not current; {'', 'newer', subjects...} with those that somebody else wrote since the
-- snapshot or is writing now, who are marked for another look, and due; or {'', 'over', limit} when what the write
-- uses of a limit is not there any more. A take that is asked again because the answer was lost returns {''}.
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'', 'lost'}
end
local answer = redis.call('GET', KEYS[9])
if answer then -- asked again because the answer was lost
  return {answer}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local newer, mine, bound, touches = {'', 'newer'}, {}, {}, {'', 'taken'}
local first = 10 + 4 * (#KEYS - 9)
for i = first, #ARGV do
  local free = true
  local last = redis.call('HGET', KEYS[4], ARGV[i]) -- "position run"
  touches[#touches + 1] = last or ''
  if last then
    local position, run = string.match(last, '^(%d+) (.*)$')
    free = ARGV[6] == '' or run == ARGV[2] or tonumber(position) <= tonumber(ARGV[3])
  end
  local claim = redis.call('HGET', KEYS[5], ARGV[i]) -- "until writes run"
  if claim then
    local till, writes, run = string.match(claim, '^(%d+) (%d+) (.*)$')
    if run == ARGV[2] then
      mine[ARGV[i]], bound[ARGV[i]] = tonumber(writes), tonumber(till)
    elseif tonumber(till) > now then
      free = false
    end
  end
  if not free then
    newer[#newer + 1] = ARGV[i]
  end
end
for i = 10, #KEYS do -- all are looked at before anything is stored
  local at = 10 + 4 * (i - 10)
  if #newer == 2 and ARGV[at + 2] ~= '' then
    local used = 0
    if ARGV[at + 3] == '' then
      used = redis.call('ZCOUNT', KEYS[i], ARGV[8], '+inf')
    else
      for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], ARGV[8], '+inf')) do
        if string.match(member, '^[^/]*/[^/]*/(.*)$') == ARGV[9] then
          used = used + 1
        end
      end
    end
    if used + tonumber(ARGV[at + 1]) > tonumber(ARGV[at + 2]) then
      return {'', 'over', ARGV[at]}
    end
  end
end
-- Positions are times that never come twice and never go back, whatever the clock does: a mark is younger than each
-- snapshot that was taken before it, also within one millisecond and after a failover to a clock that is behind.
local position = string.format('%.0f', math.max(now, tonumber(redis.call('GET', KEYS[3]) or 0) + 1))
redis.call('SET', KEYS[3], position)
if #newer > 2 then
  for i = 3, #newer do
    redis.call('ZADD', KEYS[7], position, newer[i])
    if tonumber(redis.call('ZSCORE', KEYS[8], newer[i]) or now) >= now then
      redis.call('ZADD', KEYS[8], string.format('%.0f', now), newer[i])
    end
  end
  return newer
end
for i = first, #ARGV do
  redis.call('HSET', KEYS[4], ARGV[i], position .. ' ' .. ARGV[2])
  local till = string.format('%.0f', math.max(now + tonumber(ARGV[4]), bound[ARGV[i]] or 0)) -- its own is not cut short
  redis.call('HSET', KEYS[5], ARGV[i], till .. ' ' .. string.format('%.0f', (mine[ARGV[i]] or 0) + 1) .. ' ' .. ARGV[2])
end
local id = ''
if ARGV[6] ~= '' then
  id = redis.call('XADD', KEYS[2], '*', 'kind', 'intent', 'run', ARGV[2], 'data', ARGV[6])
  redis.call('HSET', KEYS[6], id, ARGV[2])
  for i = 10, #KEYS do -- the members that settling it as done adds
    for n = 1, tonumber(ARGV[10 + 4 * (i - 10) + 1]) do
      redis.call('ZADD', KEYS[i], ARGV[7], id .. '/' .. n .. '/' .. ARGV[9])
    end
  end
end
redis.call('SET', KEYS[9], id, 'PX', ARGV[5])
if id == '' then
  return touches
end
return {id}
