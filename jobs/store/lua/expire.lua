-- Shrink the records whose pictures have expired, and remove expired tombstones. Return the ids: {expired, forgotten}.
local BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

-- Return a SHA-256 in 44 characters; a value of more than 64 would turn the record into a larger kind of hash.
local function base64(hex)
  return (string.gsub(hex .. '00', '%x%x%x', function(digits)
    local number = tonumber(digits, 16)
    local high, low = math.floor(number / 64) + 1, number % 64 + 1
    return BASE64:sub(high, high) .. BASE64:sub(low, low)
  end))
end

-- Return one letter for a media type: that of its format, but `v` for WebM, because `w` is WebP.
local function letter(media_type)
  return media_type == 'video/webm' and 'v' or media_type:match('/(%a)')
end

-- Write what remains of a record in few bytes; `_decode_past` in serialization.py reads it.
local function shrink(id)
  local record = key('job', id)
  local flat, job = redis.call('HGETALL', record), {}
  for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
  local function after(name) return job[name] and tonumber(job[name]) - job.created or '-' end
  local past = table.concat({job.model, job.priority:sub(1, 1), job.attempt, job.version + 1, job.created,
    after('started'), after('finished'), after('expires'), job.run_ms or 0, after('cancel')}, ' ')
  local kept = {'owner', job.owner, 'status', job.status, 'past', past}
  local function keep(name, value)
    kept[#kept + 1] = name
    kept[#kept + 1] = value
  end
  if job.result then
    local result = cjson.decode(job.result)
    keep('result', table.concat({result.width, result.height, result.bytes, letter(result.media_type),
      base64(result.sha256)}, ' '))
  end
  if job.failure then keep('failure', cjson.decode(job.failure).code) end
  if job.idem and redis.call('EXISTS', key('idem', job.owner, job.idem)) == 1 then keep('idem', job.idem) end
  redis.call('DEL', record)
  redis.call('HSET', record, unpack(kept))
end

local expired, forgotten = {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', now, 'LIMIT', 0, arg.limit)) do
  redis.call('ZREM', key('expiry'), id)
  if redis.call('EXISTS', key('job', id)) == 1 then
    if not pcall(shrink, id) then redis.call('HSET', key('job', id), 'expired', 1) end -- it is damaged
    redis.call('ZADD', key('tombs'), now + TOMBSTONE_TTL, id)
    expired[#expired + 1] = id
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('tombs'), '-inf', now, 'LIMIT', 0, arg.limit)) do
  redis.call('ZREM', key('tombs'), id)
  local job = load(id)
  if job then
    redis.call('DEL', key('job', id), key('events', id))
    redis.call('ZREM', key('owned', job.owner), id)
    redis.call('ZREM', key('owned', job.owner, job.status), id)
    forgotten[#forgotten + 1] = id
  end
end
return {expired, forgotten}
