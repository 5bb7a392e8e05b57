-- Write a field of a running job (its preview or checkpoint) if the token is current. Return 1, 0 if it is not, or -1
-- if the job is deleted.
local job = load(arg.id)
if not job then return -1 end
if job.status ~= 'running' or job.token ~= arg.token then return 0 end
redis.call('HSET', key('job', job.id), arg.field, arg.value)
bump_version(job.id)
if arg.event then emit(job.id, arg.event, arg.value) end
return 1
