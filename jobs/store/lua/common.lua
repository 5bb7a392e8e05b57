-- Functions for all scripts. Python prepends PREFIX, MOVES, RECORD_VERSION and the limits (see scripts.py).
-- Times are in milliseconds by the clock of Redis; `arg` holds the named arguments of the script.
local arg = cjson.decode(ARGV[1])

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now = clock()

local function key(...)
  return PREFIX .. table.concat({...}, ':')
end

local FIELDS = {'owner', 'status', 'v', 'version', 'model', 'priority', 'seq', 'attempt', 'token', 'claimed', 'cancel',
  'webhook', 'events', 'deliver', 'traceparent', 'idem', 'deadline', 'worker', 'created', 'run_ms', 'draft'}

-- Return the fields of a record that the scripts need, or nil if there is no record.
local function load(id)
  local values = redis.call('HMGET', key('job', id), unpack(FIELDS))
  if not values[1] or not values[2] then return nil end
  local job = {id = id}
  for i, name in ipairs(FIELDS) do job[name] = values[i] end
  return job
end

-- Return the record of a job of this owner, or nil; without an owner, of any (for operators).
local function load_owned(id, owner)
  local job = load(id)
  if job and owner and job.owner ~= owner then return nil end
  return job
end

local function bump_version(id)
  return redis.call('HINCRBY', key('job', id), 'version', 1)
end

local function count(name, by)
  redis.call('HINCRBYFLOAT', key('totals'), name, by or 1)
end

-- Count what an owner uses on this day (UTC): `jobs`, `pixels` or `device_ms`; see jobs/usage.py.
local function use(owner, name, by)
  local day = key('usage', math.floor(now / DAY))
  redis.call('HINCRBY', day, owner .. '|' .. name, by)
  redis.call('PEXPIRE', day, USAGE_TTL)
end

local function emit(id, kind, data)
  redis.call('XADD', key('events', id), 'MAXLEN', '~', EVENT_LIMIT, '*', 'type', kind, 'data', data)
end

local function emit_status(job, kind, extra)
  local data = {status = job.status, attempt = tonumber(job.attempt), version = bump_version(job.id)}
  for name, value in pairs(extra or {}) do data[name] = value end
  emit(job.id, kind, cjson.encode(data))
end

-- Keep the last events of an ended job for a while. Trimming would not free the memory, so write them again.
local function shorten_events(id)
  local stream = key('events', id)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', ENDED_EVENTS)
  redis.call('DEL', stream)
  for i = #last, 1, -1 do redis.call('XADD', stream, last[i][1], unpack(last[i][2])) end
  redis.call('PEXPIRE', stream, EVENT_TTL)
end

-- Change the status of a job; this is the only place that does (but for fail_damaged).
local function move(job, to)
  if not (MOVES[job.status] and MOVES[job.status][to]) then
    error('no move from ' .. tostring(job.status) .. ' to ' .. to)
  end
  redis.call('ZREM', key('owned', job.owner, job.status), job.id)
  redis.call('ZADD', key('owned', job.owner, to), 0, job.id)
  redis.call('HSET', key('job', job.id), 'status', to)
  job.status = to
end

-- Return the key of the line in which a job waits: that of its network, owner and priority, or, for a draft, a line of
-- their own. `turns` holds the order of the owners, and `owners` those who have other jobs than drafts in it.
local function waiting(job)
  return key('wait', job.model, job.owner, job.draft and 'draft' or job.priority)
end

local function length(job, line)
  return redis.call('ZCARD', key('wait', job.model, job.owner, line))
end

local function enqueue(job)
  if redis.call('ZADD', waiting(job), job.seq, job.id) == 1 then
    redis.call('HINCRBY', key('depth'), job.model .. '|' .. job.priority, 1)
  end
  -- A returning owner goes to the end of the line, so that sending one job at a time gains nothing.
  redis.call('ZADD', key('turns', job.model), 'NX', redis.call('INCR', key('turn')), job.owner)
  if not job.draft then redis.call('SADD', key('owners', job.model), job.owner) end
end

local function dequeue(job)
  if redis.call('ZREM', waiting(job), job.id) == 1 then
    redis.call('HINCRBY', key('depth'), job.model .. '|' .. job.priority, -1)
  end
  if length(job, 'interactive') + length(job, 'batch') > 0 then return end
  redis.call('SREM', key('owners', job.model), job.owner)
  if length(job, 'draft') > 0 then return end
  redis.call('ZREM', key('turns', job.model), job.owner)
  redis.call('HDEL', key('picks', job.model), job.owner)
end

-- Add the time of the attempt that ends now to the run time.
local function stop_clock(job)
  if job.claimed then
    local ran = math.max(0, now - tonumber(job.claimed))
    use(job.owner, 'device_ms', ran)
    job.run_ms = (tonumber(job.run_ms) or 0) + ran
    redis.call('HSET', key('job', job.id), 'run_ms', job.run_ms)
    redis.call('HDEL', key('job', job.id), 'claimed')
    job.claimed = false
  end
  redis.call('ZREM', key('leases'), job.id)
  redis.call('ZREM', key('ends'), job.id)
end

-- Write a delivery to the outbox.
local function post(job, delivery, url, kind, data)
  redis.call('HSET', key('webhook', delivery), 'job', job.id, 'owner', job.owner, 'url', url, 'attempt', 0,
    'payload', cjson.encode({type = kind, time_ms = now, data = data}))
  if job.traceparent then redis.call('HSET', key('webhook', delivery), 'traceparent', job.traceparent) end
  redis.call('ZADD', key('webhooks'), now, delivery)
end

local function withdraw(delivery)
  redis.call('DEL', key('webhook', delivery))
  redis.call('ZREM', key('webhooks'), delivery)
end

-- Post a webhook if the client wants this event: started, preview or completed.
local function post_webhook(job, event, kind, name, more)
  local wanted = ',' .. (job.events or 'completed') .. ','
  if not (job.webhook and string.find(wanted, ',' .. event .. ',', 1, true)) then return end
  local data = {id = job.id, status = job.status}
  for field, value in pairs(more or {}) do data[field] = value end
  post(job, job.id .. '-' .. name, job.webhook, 'job.' .. kind, data)
end

-- Post a preview's webhook in place of an earlier one that has not been delivered.
local function post_preview(job, text)
  local preview = cjson.decode(text)
  local name = 'preview-' .. preview.sequence .. '-' .. (job.attempt or 0)
  local earlier = redis.call('HGET', key('job', job.id), 'previewed')
  if earlier then withdraw(job.id .. '-' .. earlier) end
  redis.call('HSET', key('job', job.id), 'previewed', name)
  post_webhook(job, 'preview', 'preview', name, {iteration = preview.iteration, sequence = preview.sequence})
end

-- End a job and write `fields` to its record. The token stays, so that a repeated call is recognized.
local function finish(job, status, fields)
  stop_clock(job)
  move(job, status)
  local record = key('job', job.id)
  for name, value in pairs(fields or {}) do redis.call('HSET', record, name, value) end
  redis.call('HSET', record, 'finished', now, 'expires', now + RESULT_TTL)
  redis.call('HDEL', record, 'checkpoint', 'deadline')
  redis.call('ZADD', key('expiry'), now + RESULT_TTL, job.id)
  local failure = fields and fields.failure
  emit_status(job, 'completed', failure and {['error'] = cjson.decode(failure)} or nil)
  shorten_events(job.id)
  post_webhook(job, 'completed', status, status, failure and {['error'] = cjson.decode(failure)} or nil)
  if job.deliver and status == 'succeeded' then
    post(job, job.id .. '-result', job.deliver, 'result', cjson.decode(fields.result))
  end
  count(failure and ('failed:' .. cjson.decode(failure).code) or status)
  count('run_seconds', (tonumber(job.run_ms) or 0) / 1000)
end

local function fail(job, code, message)
  finish(job, 'failed', {failure = cjson.encode({code = code, message = message})})
end

-- Fail a job whose record is too damaged for `fail`, so that no script meets it again.
local function fail_damaged(id)
  redis.call('ZREM', key('leases'), id)
  redis.call('ZREM', key('ends'), id)
  if redis.call('EXISTS', key('job', id)) == 0 then return end
  redis.call('HSET', key('job', id), 'status', 'failed', 'finished', now, 'expires', now + RESULT_TTL, 'failure',
    cjson.encode({code = 'unsupported_record', message = 'The record of the job is damaged.'}))
  redis.call('HDEL', key('job', id), 'token', 'claimed')
  redis.call('ZADD', key('expiry'), now + RESULT_TTL, id)
  count('failed:unsupported_record')
end

-- Put a running job back into the queue, at its old place.
local function requeue(job, reason)
  stop_clock(job)
  move(job, 'queued')
  redis.call('HDEL', key('job', job.id), 'token', 'worker', 'deadline')
  enqueue(job)
  count('requeued:' .. reason)
  emit_status(job, 'status', {reason = reason})
end

-- Return when the first worker is expected to be free, or nil if fewer than `workers` run a job. Most workers have all
-- networks, so jobs of any network count.
local function first_end(workers)
  if redis.call('ZCARD', key('ends')) < workers then return nil end
  return tonumber(redis.call('ZRANGE', key('ends'), 0, 0, 'WITHSCORES')[2])
end

-- Return the position of a waiting job (from 1), an estimate of its wait in seconds, the number of workers that have
-- its network, and the time from which the wait counts if it is not now; false for each that is unknown. The wait of a
-- draft is unknown while other jobs wait.
local function place(id, record)
  if record.status ~= 'queued' then return false, false, false, false end
  local rank = redis.call('ZRANK', waiting(record), id)
  if not rank then return false, false, false, false end
  local owners = redis.call('SCARD', key('owners', record.model))
  local behind_others = record.draft and owners > 0
  if record.draft then
    rank = rank + length(record, 'interactive') + length(record, 'batch')
    owners = redis.call('ZCARD', key('turns', record.model))
  end
  local pace = tonumber(redis.call('HGET', key('pace'), record.model))
  local workers = redis.call('ZCOUNT', key('serving', record.model), now, '+inf')
  if not pace or workers == 0 or behind_others then return rank + 1, false, workers, false end
  local free = first_end(workers)
  local ahead = rank * math.max(1, owners) + (free and 0 or 0.5)
  return rank + 1, ahead * pace / workers, workers, free or false
end

-- Return a record for serialization.py: {fields and values, position, wait, now, workers}.
local function view(id, with_checkpoint)
  local stored = redis.call('HGETALL', key('job', id))
  if #stored == 0 then return false end
  local record, flat = {}, {}
  for i = 1, #stored, 2 do record[stored[i]] = stored[i + 1] end
  record.id = id -- which the record of an expired job does not repeat
  for name, value in pairs(record) do
    if with_checkpoint or name ~= 'checkpoint' then -- that of a film grows with each frame
      flat[#flat + 1] = name
      flat[#flat + 1] = value
    end
  end
  local position, wait, workers, free = place(id, record)
  if free then wait = wait + math.max(0, free - now) / 1000 end
  return {flat, position, wait and tostring(wait), now, workers}
end
