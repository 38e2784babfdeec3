-- Appends entries to the journal if the lease is current.
-- KEYS: 1 lock, 2 journal, 3 runs, 4 links, 5 the answer to this call
-- ARGV: 1 token of the lease, or empty for what needs none; 2 life of the answer (milliseconds); 3 number of links;
--       then for each link: OneLogin id, account; then for each entry: kind, run, data (JSON)
-- Returns 'ok' and the ids of the entries, or an empty list when the lease is not current.
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {}
end
local ids = {'ok'}
local answer = redis.call('GET', KEYS[5])
if answer then -- asked again because the answer was lost
  for id in string.gmatch(answer, '%S+') do
    ids[#ids + 1] = id
  end
  return ids
end
local at = 4
for _ = 1, tonumber(ARGV[3]) do
  redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for i = at, #ARGV, 3 do
  local id = redis.call('XADD', KEYS[2], '*', 'kind', ARGV[i], 'run', ARGV[i + 1], 'data', ARGV[i + 2])
  ids[#ids + 1] = id
  if ARGV[i] == 'begin' or ARGV[i] == 'end' then
    redis.call('XADD', KEYS[3], '*', 'kind', ARGV[i], 'run', ARGV[i + 1], 'at', id, 'data', ARGV[i + 2])
  end
end
redis.call('SET', KEYS[5], table.concat(ids, ' ', 2), 'PX', ARGV[2])
return ids
