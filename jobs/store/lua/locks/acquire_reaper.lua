-- Start a round of the reaper, unless another one is running or has just ended.
if redis.call('EXISTS', key('reaped')) == 1 then return 0 end
local holder = redis.call('GET', key('reaper'))
if holder and holder ~= arg.me then return 0 end
redis.call('SET', key('reaper'), arg.me, 'PX', arg.ttl)
return 1
