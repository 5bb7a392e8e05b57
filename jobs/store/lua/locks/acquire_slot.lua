-- Take a free device slot or renew our own; return 1 if this worker holds it now.
local slot = key('slot', arg.slot)
local holder = redis.call('GET', slot)
if holder and holder ~= arg.worker then return 0 end
redis.call('SET', slot, arg.worker, 'PX', arg.ttl)
return 1
