-- End a running job if the token is current. Return {status, needs_wakeup}; the latter is 1 if a worker has to be
-- notified, because the end of this job lets another one of the same owner start.
local job = load(arg.id)
if not job or job.token ~= arg.token then return {'lost', 0} end
if job.status ~= 'running' then return {job.status, 0} end -- a repeated call, as the token shows
local status = arg.status
-- An accepted cancel holds, even if the picture is ready.
if job.cancel and status == 'succeeded' then status = 'canceled' end
if status == 'succeeded' then
  local run = ((tonumber(job.run_ms) or 0) + now - tonumber(job.claimed)) / 1000
  local pace = tonumber(redis.call('HGET', key('pace'), job.model)) or run
  redis.call('HSET', key('pace'), job.model, tostring(0.8 * pace + 0.2 * run))
  local result = cjson.decode(arg.payload)
  local frames = arg.progress and tonumber(cjson.decode(arg.progress).frames) or 1 -- of a film
  use(job.owner, 'pixels', result.width * result.height * frames)
  count('pixels', result.width * result.height * frames)
  finish(job, status, {result = arg.payload, progress = arg.progress})
elseif status == 'failed' then
  finish(job, status, {failure = arg.payload})
else
  finish(job, status)
end
local limited = redis.call('HEXISTS', key('running_limits'), job.owner) == 1
return {status, limited and redis.call('ZCARD', key('owned', job.owner, 'queued')) > 0 and 1 or 0}
