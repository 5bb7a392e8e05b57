-- Return for each job that is asked for: false if there is none of this owner, 0 if its stamp is the one that the asker
-- knows, -1 if its record is damaged, else its stamp and its record. The stamp changes with everything but the clock.
local function get(asked)
  local owner, status, version, model, priority = unpack(
    redis.call('HMGET', key('job', asked.id), 'owner', 'status', 'version', 'model', 'priority'))
  if not owner or (asked.owner and asked.owner ~= owner) then return false end
  local position, wait, workers = place(asked.id, {owner = owner, status = status, model = model, priority = priority})
  local stamp = table.concat(
    {status or '', version or '', tostring(position), tostring(wait), tostring(workers)}, ' ')
  if asked.stamp == stamp then return 0 end
  return {stamp, view(asked.id)}
end

local found = {}
for i, asked in ipairs(arg.jobs) do
  local whole, answer = pcall(get, asked)
  if whole then found[i] = answer else found[i] = -1 end
end
return found
