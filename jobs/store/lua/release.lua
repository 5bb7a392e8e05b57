-- Put a running job back into the queue if the token is current; unless `counted`, undo the count of the attempt.
local job = load(arg.id)
if not job or job.status ~= 'running' or job.token ~= arg.token then return 'lost' end
if job.cancel then
  finish(job, 'canceled')
  return 'canceled'
end
if not arg.counted then job.attempt = redis.call('HINCRBY', key('job', job.id), 'attempt', -1) end
if arg.memory_saving then redis.call('HSET', key('job', job.id), 'memory_saving', 1) end
requeue(job, arg.reason)
return 'queued'
