-- Claim the next waiting job of a network. Owners take turns. Of an owner, interactive jobs go before batch jobs, except
-- at every BATCH_TURN-th claim; within a priority, older jobs go first. Records of a newer version stay in the queue.
-- A draft goes only if no other job waits, neither of the network nor of `others`, the worker's other networks.
local MAX_SKIPPED = 50 -- records of a newer version, of one owner and priority

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

-- Return the id and record of the first waiting job that this worker can read; the record is nil if it is gone.
local function first_of(line)
  for at = 0, MAX_SKIPPED do
    local id = redis.call('ZRANGE', line, at, at)[1]
    local job = id and load(id)
    if not job or not too_new(job) then return id, job end
  end
end

-- Return the id, the record and the line of the next job of an owner: of the drafts, or else of the other jobs.
local function next_of(model, owner, drafts)
  local picks = tonumber(redis.call('HGET', key('picks', model), owner)) or 0
  local order = picks + 1 >= BATCH_TURN and {'batch', 'interactive'} or {'interactive', 'batch'}
  for _, line in ipairs(drafts and {'draft'} or order) do
    if allowed(line == 'draft' and 'batch' or line) then
      local id, job = first_of(key('wait', model, owner, line))
      if id then return id, job, line end
    end
  end
end

-- Count the interactive jobs that went before waiting batch jobs since the last batch job.
local function count_pick(job)
  if job.draft then return end
  if job.priority == 'batch' then
    redis.call('HDEL', key('picks', job.model), job.owner)
  elseif redis.call('EXISTS', key('wait', job.model, job.owner, 'batch')) == 1 then
    redis.call('HINCRBY', key('picks', job.model), job.owner, 1)
  end
end

-- Return the next job of a network, or nil; remove what no worker can run on the way.
local function find(model, drafts)
  local turns = key('turns', model)
  local at = 0
  for _ = 1, 1000 do
    local owner = redis.call('ZRANGE', turns, at, at)[1]
    if not owner then return nil end
    local id, job, line
    if not at_limit(owner) then id, job, line = next_of(model, owner, drafts) end
    if not id then
      at = at + 1
    elseif job and job.status == 'queued' then
      return job
    else
      -- The record is gone or damaged, so no worker can run the job.
      local priority = line == 'draft' and 'batch' or line
      dequeue({id = id, model = model, owner = owner, priority = priority, draft = line == 'draft'})
      if not job then fail_damaged(id) end
    end
  end
end

-- Expect the job to take as long as others did, until its heartbeats say more; forget those that never ended.
local function expect_end(job)
  local pace = tonumber(redis.call('HGET', key('pace'), job.model)) or 0
  redis.call('ZREMRANGEBYSCORE', key('ends'), '-inf', now - arg.max_run)
  redis.call('ZADD', key('ends'), now + 1000 * pace, job.id)
end

local function claim(job)
  local record = key('job', job.id)
  dequeue(job)
  count_pick(job)
  redis.call('ZADD', key('turns', job.model), 'XX', redis.call('INCR', key('turn')), job.owner)
  move(job, 'running')
  job.attempt = redis.call('HINCRBY', record, 'attempt', 1)
  local is_first = redis.call('HSETNX', record, 'started', now) == 1
  redis.call('HSET', record, 'token', arg.token, 'worker', arg.worker, 'claimed', now, 'deadline', now + arg.max_run)
  redis.call('SET', key('claim', arg.token), job.id, 'PX', arg.lease)
  redis.call('HDEL', record, 'progress')
  redis.call('ZADD', key('leases'), now + arg.lease, job.id)
  expect_end(job)
  count('claimed')
  count('queue_seconds', math.max(0, now - tonumber(job.created) - (tonumber(job.run_ms) or 0)) / 1000)
  emit_status(job, 'status', {worker = arg.worker})
  if is_first then post_webhook(job, 'started', 'started', 'started') end
  return view(job.id, true)
end

-- Return the job that an earlier call with this token claimed; its answer may have been lost.
local function claimed_before()
  local id = redis.call('GET', key('claim', arg.token))
  local job = id and load(id)
  return job and job.status == 'running' and job.token == arg.token and view(id, true)
end

local before = claimed_before()
if before then return before end

local job = find(arg.model, false)
if not job then
  local draft = find(arg.model, true)
  for _, model in ipairs(draft and arg.others or {}) do job = job or find(model, false) end
  job = job or draft
end
return job and claim(job) or false
