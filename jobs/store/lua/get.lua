-- Return for each requested job: false if the owner has no such job, 0 if its stamp is the given one, -1 if its record
-- is damaged, else its stamp and record. The stamp changes with everything except the time.
local function get(request)
  local owner, status, version, model, priority, draft = unpack(
    redis.call('HMGET', key('job', request.id), 'owner', 'status', 'version', 'model', 'priority', 'draft'))
  if not owner or (request.owner and request.owner ~= owner) then return false end
  local record = {owner = owner, status = status, model = model, priority = priority, draft = draft}
  local position, wait, workers, free = place(request.id, record)
  local stamp = table.concat(
    {status or '', version or '', tostring(position), tostring(wait), tostring(workers), tostring(free)}, ' ')
  if request.stamp == stamp then return 0 end
  return {stamp, view(request.id)}
end

local found = {}
for i, request in ipairs(arg.jobs) do
  local whole, answer = pcall(get, request)
  if whole then found[i] = answer else found[i] = -1 end
end
return found
