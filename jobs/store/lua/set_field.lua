-- Write a field of a running job (its preview or checkpoint) if the token is current.
local job = load(arg.id)
if not job or job.status ~= 'running' or job.token ~= arg.token then return 0 end
redis.call('HSET', key('job', job.id), arg.field, arg.value)
bump_version(job.id)
if arg.event then emit(job.id, arg.event, arg.value) end
return 1
