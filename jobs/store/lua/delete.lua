-- Cancel a job if it has not ended, and remove its record and its webhooks; the worker of a running job loses its lease.
local job = load_owned(arg.id, arg.owner)
if not job then return 0 end
if job.status == 'queued' then dequeue(job) end
if job.status == 'queued' or job.status == 'running' then
  if job.token then redis.call('SET', key('gone', job.id), 1, 'PX', GONE_TTL) end -- a worker may still run it
  finish(job, 'canceled')
end
local previewed = redis.call('HGET', key('job', job.id), 'previewed') or 'preview'
for _, name in ipairs({'succeeded', 'failed', 'canceled', 'started', 'result', previewed}) do
  withdraw(job.id .. '-' .. name)
end
redis.call('DEL', key('job', job.id))
redis.call('ZREM', key('owned', job.owner), job.id)
redis.call('ZREM', key('owned', job.owner, job.status), job.id)
redis.call('ZREM', key('expiry'), job.id)
redis.call('ZREM', key('tombs'), job.id)
redis.call('PEXPIRE', key('events', job.id), 60000)
if job.idem then redis.call('DEL', key('idem', job.owner, job.idem)) end
return 1
