-- Appends entries to the journal if the lease is current.
-- KEYS: 1 lock, 2 journal, 3 runs, 4 links
-- ARGV: 1 token of the lease, or empty for what needs none; 2 number of links; then for each link:
--       OneLogin id, account; then for each entry: kind, run, data (JSON)
-- Returns 'ok' and the ids of the entries, or an empty list when the lease is not current.
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {}
end
local at = 3
for _ = 1, tonumber(ARGV[2]) do
  redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
  at = at + 2
end
local ids = {'ok'}
for i = at, #ARGV, 3 do
  local id = redis.call('XADD', KEYS[2], '*', 'kind', ARGV[i], 'run', ARGV[i + 1], 'data', ARGV[i + 2])
  ids[#ids + 1] = id
  if ARGV[i] == 'begin' or ARGV[i] == 'end' then
    redis.call('XADD', KEYS[3], '*', 'kind', ARGV[i], 'run', ARGV[i + 1], 'at', id, 'data', ARGV[i + 2])
  end
end
return ids
