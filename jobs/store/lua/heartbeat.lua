-- Renew a lease and return what the worker has to do: continue, cancel, timeout or lost.
local job = load(arg.id)
if not job or job.status ~= 'running' or job.token ~= arg.token then return 'lost' end
local over = now - (tonumber(job.deadline) or now)
if over > arg.lease then
  -- The run did not stop after it was told that its time is up.
  fail(job, 'timeout', arg.timeout_message)
  return 'lost'
end
redis.call('ZADD', key('leases'), now + arg.lease, job.id)
if arg.progress then
  redis.call('HSET', key('job', job.id), 'progress', arg.progress)
  bump_version(job.id)
  emit(job.id, 'progress', arg.progress)
end
if job.cancel then return 'cancel' end
if over > 0 then return 'timeout' end
return 'continue'
