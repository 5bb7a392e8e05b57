-- Take the next webhook delivery that is due; it is due again when its lease expires.
local id = redis.call('ZRANGEBYSCORE', key('webhooks'), '-inf', now, 'LIMIT', 0, 1)[1]
if not id then return false end
redis.call('ZADD', key('webhooks'), now + arg.lease, id)
if redis.call('EXISTS', key('webhook', id)) == 0 then
  redis.call('ZREM', key('webhooks'), id)
  return false
end
redis.call('HINCRBY', key('webhook', id), 'attempt', 1)
return {id, redis.call('HGETALL', key('webhook', id))}
