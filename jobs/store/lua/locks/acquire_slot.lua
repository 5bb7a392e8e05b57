-- Take a device slot or keep it: 1 if it is this worker's now.
local slot = key('slot', arg.slot)
local holder = redis.call('GET', slot)
if holder and holder ~= arg.worker then return 0 end
redis.call('SET', slot, arg.worker, 'PX', arg.ttl)
return 1
