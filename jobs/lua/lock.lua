-- Take or keep the lock of the reaper; it falls free when its holder dies.
local holder = redis.call('GET', key('reaper'))
if holder and holder ~= arg.me then return 0 end
redis.call('SET', key('reaper'), arg.me, 'PX', arg.ttl)
return 1
