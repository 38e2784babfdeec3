-- Appends entries to the journal if the lease is the current one and still held.
-- KEYS: 1 lock, 2 fence, 3 journal, 4 runs
-- ARGV: 1 fence of the lease, then for each entry: kind, run, data (JSON)
-- Returns the ids of the entries, or an empty list when the lease is not current.
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
local ids = {}
for i = 2, #ARGV, 3 do
  local id = redis.call('XADD', KEYS[3], '*', 'kind', ARGV[i], 'run', ARGV[i + 1], 'data', ARGV[i + 2])
  ids[#ids + 1] = id
  if ARGV[i] == 'begin' or ARGV[i] == 'end' then
    redis.call('XADD', KEYS[4], '*', 'kind', ARGV[i], 'run', ARGV[i + 1], 'at', id, 'data', ARGV[i + 2])
  end
end
return ids
