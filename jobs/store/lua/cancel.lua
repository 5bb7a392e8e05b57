-- Cancel a waiting job at once; ask the worker of a running one to cancel it.
local job = load_owned(arg.id, arg.owner)
if not job then return {'missing'} end
if job.status == 'queued' then
  dequeue(job)
  redis.call('HSET', key('job', job.id), 'cancel', now)
  finish(job, 'canceled')
elseif job.status == 'running' then
  if redis.call('HSETNX', key('job', job.id), 'cancel', now) == 1 then
    emit_status(job, 'status', {cancel_requested = true})
  end
elseif job.status ~= 'canceled' then
  return {'ended', job.status}
end
return {'done', view(job.id)}
