-- Write a field of a running job (its checkpoint) if the token is current. Return 1, or 0 if it is not.
local job = load(arg.id)
if not job or job.status ~= 'running' or job.token ~= arg.token then return 0 end
redis.call('HSET', key('job', job.id), arg.field, arg.value)
bump_version(job.id)
return 1
