-- End the jobs that have waited too long for a newer worker; returns their ids.
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('outdated'), '-inf', now - arg.wait, 'LIMIT', 0, arg.limit)) do
  redis.call('ZREM', key('outdated'), id)
  local job = load(id)
  if job and job.status == 'queued' then
    dequeue(job)
    fail(job, 'no_newer_worker', arg.message)
    found[#found + 1] = id
  end
end
return found
