-- Requeue, fail or cancel the jobs whose lease has expired. Return {id, new status} of each.
local function recover(job)
  count('leases_lost')
  if job.cancel then
    finish(job, 'canceled')
  elseif tonumber(job.attempt) >= arg.max_attempts then
    fail(job, 'worker_lost', arg.message)
  else
    requeue(job, 'worker_lost')
  end
end

local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now, 'LIMIT', 0, arg.limit)) do
  local job = load(id)
  if job and job.status ~= 'running' then
    redis.call('ZREM', key('leases'), id)
  elseif job and pcall(recover, job) then
    found[#found + 1] = {id, job.status}
  else
    fail_damaged(id)
    found[#found + 1] = {id, 'failed'}
  end
end
return found
