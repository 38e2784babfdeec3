-- Before a write: may it be made, and if so, who is being written and with what intent. All or nothing.
-- KEYS: 1 lock, 2 journal, 3 position, 4 touched, 5 claims, 6 open, 7 marks, 8 the answer to this call
-- ARGV: 1 token of the lease, or empty for a writer without the lock; 2 run; 3 position of the snapshot that the
--       write follows from; 4 life of the claim; 5 life of the answer (both milliseconds); 6 data (JSON), or empty to
--       take the subjects without an intent, whoever wrote them before; then the subjects
-- Returns {id of the intent}, {'', 'lost'} when the lease is not current, or {'', 'newer', subjects...} with those
-- that somebody else wrote since the snapshot or is writing now. They are marked for another look.
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'', 'lost'}
end
local answer = redis.call('GET', KEYS[8])
if answer then -- asked again because the answer was lost
  return {answer}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local newer, mine = {'', 'newer'}, {}
for i = 7, #ARGV do
  local free = true
  local last = redis.call('HGET', KEYS[4], ARGV[i]) -- "position run"
  if last then
    local position, run = string.match(last, '^(%d+) (.*)$')
    free = ARGV[6] == '' or run == ARGV[2] or tonumber(position) <= tonumber(ARGV[3])
  end
  local claim = redis.call('HGET', KEYS[5], ARGV[i]) -- "until writes run"
  if claim then
    local till, writes, run = string.match(claim, '^(%d+) (%d+) (.*)$')
    if run == ARGV[2] then
      mine[ARGV[i]] = tonumber(writes)
    elseif tonumber(till) > now then
      free = false
    end
  end
  if not free then
    newer[#newer + 1] = ARGV[i]
  end
end
-- Positions are times that never come twice and never go back, whatever the clock does: a mark is younger than each
-- snapshot that was taken before it, also within one millisecond and after a failover to a clock that is behind.
local position = string.format('%.0f', math.max(now, tonumber(redis.call('GET', KEYS[3]) or 0) + 1))
redis.call('SET', KEYS[3], position)
if #newer > 2 then
  for i = 3, #newer do
    redis.call('ZADD', KEYS[7], position, newer[i])
  end
  return newer
end
local till = string.format('%.0f', now + tonumber(ARGV[4]))
for i = 7, #ARGV do
  redis.call('HSET', KEYS[4], ARGV[i], position .. ' ' .. ARGV[2])
  redis.call('HSET', KEYS[5], ARGV[i], till .. ' ' .. string.format('%.0f', (mine[ARGV[i]] or 0) + 1) .. ' ' .. ARGV[2])
end
local id = ''
if ARGV[6] ~= '' then
  id = redis.call('XADD', KEYS[2], '*', 'kind', 'intent', 'run', ARGV[2], 'data', ARGV[6])
  redis.call('HSET', KEYS[6], id, ARGV[2])
end
redis.call('SET', KEYS[8], id, 'PX', ARGV[5])
return {id}
