-- Take the next waiting job of a network: owners take turns; within an owner interactive before batch, but every
-- BATCH_TURN-th time batch first; within a priority by age. Jobs for a newer worker are passed over.
local PASSED_OVER = 50 -- of one owner and priority, at most

local function allowed(priority)
  for _, name in ipairs(arg.priorities) do
    if name == priority then return true end
  end
  return false
end

local function at_limit(owner)
  local limit = tonumber(redis.call('HGET', key('running_limits'), owner))
  return limit and redis.call('ZCARD', key('owned', owner, 'running')) >= limit
end

local function too_new(job)
  return (tonumber(job.v) or 0) > RECORD_VERSION
end

-- Return id and record of the first job of a line that this worker may run; an entry without a record counts.
local function first_of(line)
  for at = 0, PASSED_OVER do
    local id = redis.call('ZRANGE', line, at, at)[1]
    local job = id and load(id)
    if not job or not too_new(job) then return id, job end
  end
end

local function next_of(owner)
  local picks = tonumber(redis.call('HGET', key('picks', arg.model), owner)) or 0
  local order = picks + 1 >= BATCH_TURN and {'batch', 'interactive'} or {'interactive', 'batch'}
  for _, priority in ipairs(order) do
    if allowed(priority) then
      local id, job = first_of(key('wait', arg.model, owner, priority))
      if id then return id, job, priority end
    end
  end
end

-- Note that an interactive job went before waiting batch jobs, or that batch had its turn.
local function count_pick(owner, priority)
  if priority == 'batch' then
    redis.call('HDEL', key('picks', arg.model), owner)
  elseif redis.call('EXISTS', key('wait', arg.model, owner, 'batch')) == 1 then
    redis.call('HINCRBY', key('picks', arg.model), owner, 1)
  end
end

local function take(job)
  local record = key('job', job.id)
  dequeue(job)
  count_pick(job.owner, job.priority)
  redis.call('ZADD', key('turns', job.model), 'XX', redis.call('INCR', key('turn')), job.owner)
  move(job, 'running')
  job.attempt = redis.call('HINCRBY', record, 'attempt', 1)
  redis.call('HSETNX', record, 'started', now)
  redis.call('HSET', record, 'token', arg.token, 'worker', arg.worker, 'claimed', now, 'deadline', now + arg.max_run)
  redis.call('SET', key('claim', arg.token), job.id, 'PX', arg.lease)
  redis.call('HDEL', record, 'progress')
  redis.call('ZADD', key('leases'), now + arg.lease, job.id)
  count('claimed')
  count('queue_seconds', math.max(0, now - tonumber(job.created) - (tonumber(job.run_ms) or 0)) / 1000)
  emit_status(job, 'status', {worker = arg.worker})
  return view(job.id)
end

-- A repeated call (the answer to the first was lost) finds the job it took.
local function taken_before()
  local id = redis.call('GET', key('claim', arg.token))
  local job = id and load(id)
  return job and job.status == 'running' and job.token == arg.token and view(id)
end

local before = taken_before()
if before then return before end

local turns = key('turns', arg.model)
local at = 0
for _ = 1, 1000 do
  local owner = redis.call('ZRANGE', turns, at, at)[1]
  if not owner then return false end
  local id, job, priority
  if not at_limit(owner) then id, job, priority = next_of(owner) end
  if not id then
    at = at + 1
  else
    if not job or job.status ~= 'queued' then
      -- An entry without a whole record cannot be run by anyone.
      dequeue({id = id, model = arg.model, owner = owner, priority = priority})
      if not job then fail_damaged(id) end
    else
      return take(job)
    end
  end
end
return false
