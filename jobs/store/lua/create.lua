-- Write the record, the idempotency key and the place in the queue of a new job.
local idem = arg.idem and key('idem', arg.owner, arg.idem)
if idem then
  local known = redis.call('GET', idem)
  if known and known ~= 'pending' then
    local fingerprint, id = string.match(known, '^([^|]*)|(.*)$')
    if fingerprint ~= arg.fingerprint then return {'reused'} end
    local found = view(id)
    if found then return {'known', found} end
  end
end

-- A repeated call returns the job of the first one, whose answer may have been lost.
if redis.call('EXISTS', key('job', arg.id)) == 1 then return {'created', view(arg.id)} end

-- A sweep that found no record has removed the files.
if redis.call('EXISTS', key('gone', arg.id)) == 1 then return {'gone'} end

local total = 0
for _, depth in ipairs(redis.call('HVALS', key('depth'))) do total = total + tonumber(depth) end
if total >= arg.queue_limit then return {'full'} end
if arg.queued and redis.call('ZCARD', key('owned', arg.owner, 'queued')) >= arg.queued then return {'queued'} end
local today = arg.per_day and redis.call('HGET', key('usage', math.floor(now / DAY)), arg.owner .. '|jobs')
if arg.per_day and (tonumber(today) or 0) >= arg.per_day then return {'per_day'} end

if arg.running then
  redis.call('HSET', key('running_limits'), arg.owner, arg.running)
else
  redis.call('HDEL', key('running_limits'), arg.owner)
end
use(arg.owner, 'jobs', 1)

local job = {id = arg.id, owner = arg.owner, status = 'queued', model = arg.model, priority = arg.priority,
  draft = arg.draft, seq = redis.call('INCR', key('seq')), attempt = 0}
redis.call('HSET', key('job', arg.id), 'v', RECORD_VERSION, 'id', arg.id, 'owner', arg.owner, 'status', 'queued',
  'model', arg.model, 'priority', arg.priority, 'seq', job.seq, 'attempt', 0, 'created', now, 'spec', arg.spec)
for _, name in ipairs({'webhook', 'events', 'deliver', 'traceparent'}) do
  if arg[name] then redis.call('HSET', key('job', arg.id), name, arg[name]) end
end
if arg.draft then redis.call('HSET', key('job', arg.id), 'draft', 1) end
if idem then
  redis.call('SET', idem, arg.fingerprint .. '|' .. arg.id, 'PX', arg.idem_ttl)
  redis.call('HSET', key('job', arg.id), 'idem', arg.idem)
end
redis.call('ZADD', key('owned', arg.owner), 0, arg.id)
redis.call('ZADD', key('owned', arg.owner, 'queued'), 0, arg.id)
enqueue(job)
count('created')
emit_status(job, 'status')
return {'created', view(arg.id)}
