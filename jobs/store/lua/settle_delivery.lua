-- Remove the delivery of a result, and write to the record of its job how it ended.
redis.call('DEL', key('webhook', arg.delivery))
redis.call('ZREM', key('webhooks'), arg.delivery)
if redis.call('EXISTS', key('job', arg.id)) == 0 then return 0 end
redis.call('HSET', key('job', arg.id), 'delivery', arg.value)
bump_version(arg.id)
return 1
