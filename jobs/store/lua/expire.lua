-- Mark the records whose pictures have expired, and remove expired tombstones. Return the ids: {expired, forgotten}.
local expired, forgotten = {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', now, 'LIMIT', 0, arg.limit)) do
  redis.call('ZREM', key('expiry'), id)
  if redis.call('EXISTS', key('job', id)) == 1 then
    redis.call('HSET', key('job', id), 'expired', 1)
    redis.call('HDEL', key('job', id), 'preview', 'progress')
    bump_version(id)
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
