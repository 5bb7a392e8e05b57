-- Renew a lease and return what the worker has to do: continue, cancel, timeout, or lost (deleted if a client has
-- deleted the job). Publish the progress and the preview if there are any.
local job = load(arg.id)
if not job then
  -- A failover, too, may lose a record, and the next one may bring it back: its files are left to the reaper.
  return redis.call('EXISTS', key('gone', arg.id)) == 1 and 'deleted' or 'lost'
end
if job.status ~= 'running' or job.token ~= arg.token then return 'lost' end
if arg.max_run then
  -- The run has finished a frame of a film.
  job.deadline = now + arg.max_run
  redis.call('HSET', key('job', job.id), 'deadline', job.deadline)
end
local over = now - (tonumber(job.deadline) or now)
if arg.max_film then
  over = math.max(over, (tonumber(job.run_ms) or 0) + now - tonumber(job.claimed) - arg.max_film)
end
if over > arg.lease then
  -- The run did not stop after it was told that its time is up.
  fail(job, 'timeout', arg.timeout_message)
  return 'lost'
end
redis.call('ZADD', key('leases'), now + arg.lease, job.id)
local left = arg.progress and tonumber(cjson.decode(arg.progress).eta_seconds)
if left then redis.call('ZADD', key('ends'), now + 1000 * left, job.id) end
local changed = {'version', (tonumber(job.version) or 0) + 1}
for _, name in ipairs({'progress', 'preview'}) do
  if arg[name] then
    changed[#changed + 1] = name
    changed[#changed + 1] = arg[name]
    emit(job.id, name, arg[name])
    if name == 'preview' and job.webhook then post_preview(job, arg[name]) end
  end
end
if #changed > 2 then redis.call('HSET', key('job', job.id), unpack(changed)) end
if job.cancel then return 'cancel' end
if over > 0 then return 'timeout' end
return 'continue'
